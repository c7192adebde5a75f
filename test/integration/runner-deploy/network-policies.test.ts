import type { V1NetworkPolicy } from "@kubernetes/client-node";
import { beforeAll, describe, expect, it } from "vitest";
import { type Flow, isAllowed, type Peer } from "../../support/network-policy.ts";
import { prepareTimeoutMs, prepareTools } from "../../support/prepare-tools.ts";
import { allValues, leastValues, renderChart } from "../../support/runner-chart.ts";

let policies: readonly V1NetworkPolicy[];
beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  policies = await policiesOf(allValues);
});

async function policiesOf(values: object): Promise<readonly V1NetworkPolicy[]> {
  const manifests = await renderChart({ ...values });
  return manifests.filter(({ kind }) => kind === "NetworkPolicy") as unknown as readonly V1NetworkPolicy[];
}

const ours = (component: string, namespace = "ci"): Peer => ({
  namespace,
  labels: { "app.kubernetes.io/managed-by": "gpu-ci", "app.kubernetes.io/component": component },
});
const [runner, controller, buildkitd, prune] = ["runner", "controller", "buildkitd", "registry-prune"].map((name) =>
  ours(name),
) as [Peer, Peer, Peer, Peer];
const test: Peer = { namespace: "ci-jobs", labels: { "app.kubernetes.io/managed-by": "gpu-ci" } };
const service: Peer = { namespace: "ci-jobs", labels: { app: "database" } };
const foreign: Peer = { namespace: "shop", labels: { app: "shop" } };
const dns: Peer = { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } };
const registry: Peer = { namespace: "container-registry", labels: { app: "registry" } };
const outside = (address: string): Peer => ({ address });
const metadataService = outside("169.254.169.254");
const github = outside("140.82.121.4");

const flow = (from: Peer, to: Peer, port: number, protocol: "TCP" | "UDP" = "TCP"): Flow => ({
  from,
  to,
  port,
  protocol,
});
const allowed = (flows: Readonly<Record<string, Flow>>, among = policies) =>
  Object.entries(flows).flatMap(([name, each]) => (isAllowed(among, each) ? [name] : []));

describe("the network policies of the runners' chart", () => {
  it("let through what the parts need", () => {
    const needed = {
      "runner asks DNS": flow(runner, dns, 53, "UDP"),
      "runner asks DNS by TCP": flow(runner, dns, 53),
      "runner reaches the API server's node": flow(runner, outside("192.168.1.10"), 16443),
      "runner reaches the registry's pod": flow(runner, registry, 5000),
      "runner reaches the registry's node port": flow(runner, outside("10.1.2.3"), 32000),
      "runner reaches the forge": flow(runner, github, 443),
      "runner reaches the builder": flow(runner, buildkitd, 1234),
      "builder pushes": flow(buildkitd, registry, 5000),
      "builder fetches": flow(buildkitd, github, 443),
      "controller asks DNS": flow(controller, dns, 53, "UDP"),
      "controller reaches the API server": flow(controller, outside("10.0.0.1"), 6443),
      "controller reaches the forge": flow(controller, github, 443),
      "helm test reaches the API server": flow(ours("helm-test"), outside("10.0.0.1"), 443),
      "the uninstallation reaches the API server": flow(ours("uninstall"), outside("10.0.0.1"), 443),
      "prune reaches the API server": flow(prune, outside("10.0.0.1"), 16443),
      "prune reaches the registry": flow(prune, registry, 5000),
      "test asks DNS": flow(test, dns, 53, "UDP"),
      "test reaches its service": flow(test, service, 5432),
      "others go on as before": flow(foreign, registry, 5000),
    };
    expect(allowed(needed)).toEqual(Object.keys(needed));
  });

  it("let nothing else through", () => {
    const unwanted = {
      "runner to the metadata service": flow(runner, metadataService, 80),
      "runner to the metadata service by TLS": flow(runner, metadataService, 443),
      "builder to the metadata service": flow(buildkitd, metadataService, 443),
      "controller to the metadata service": flow(controller, metadataService, 443),
      "test to the metadata service": flow(test, metadataService, 80),
      "runner to a link-local neighbour": flow(runner, outside("169.254.1.1"), 443),
      "runner to ssh of the LAN": flow(runner, outside("192.168.1.20"), 22),
      "runner to http of the world": flow(runner, github, 80),
      "runner to a shared address space": flow(runner, outside("100.100.100.200"), 443),
      "runner to a runner": flow(runner, runner, 8080),
      "runner to a test": flow(runner, test, 8080),
      "runner to others' pods": flow(runner, foreign, 443),
      "runner to DNS of others": flow(runner, { namespace: "shop", labels: { "k8s-app": "kube-dns" } }, 53, "UDP"),
      "controller to the registry": flow(controller, registry, 5000),
      "prune to the forge": flow(prune, github, 443),
      "test to the API server": flow(test, outside("192.168.1.10"), 16443),
      "test to the registry": flow(test, registry, 5000),
      "test to the forge": flow(test, github, 443),
      "test to the builder": flow(test, buildkitd, 1234),
      "others to the builder": flow(foreign, buildkitd, 1234),
      "others to a runner": flow(foreign, runner, 8080),
      "others to a test": flow(foreign, test, 8080),
      "the world to a runner": flow(github, runner, 443),
    };
    expect(allowed(unwanted)).toEqual([]);
  });

  it("follow the values: a forge in the LAN, and tests that may fetch a data set", async () => {
    const network = {
      forge: { cidrs: ["192.168.7.2/32"], ports: [3000] },
      jobs: { cidrs: ["10.9.0.0/16"], ports: [2049] },
    };
    const own = await policiesOf({ ...leastValues, network });
    const flows = {
      "runner to the forge": flow(runner, outside("192.168.7.2"), 3000),
      "runner to the world": flow(runner, github, 443),
      "runner to the forge's neighbour": flow(runner, outside("192.168.7.3"), 3000),
      "test to the data set": flow(test, outside("10.9.1.1"), 2049),
    };
    expect(allowed(flows, own)).toEqual(["runner to the forge", "test to the data set"]);
  });

  it("are absent when they are switched off", async () => {
    expect(await policiesOf({ ...leastValues, network: { enabled: false } })).toEqual([]);
  });
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { createObject, getObject, patchObject } from "../../lib/kubernetes/object.ts";
import { configMaps, deployments, namespaces, pods } from "../../lib/kubernetes/resource.ts";
import { ensureTools } from "../../scripts/tools.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { createRunnerNamespace, type RunnerNamespace } from "../support/installed-runners.ts";
import { writeKubernetesSchemas } from "../support/kubernetes-schemas.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";
import { allValues, type ChartValues, helm, runnerChart } from "../support/runner-chart.ts";

const opened = new AsyncDisposableStack();
let runners: RunnerNamespace;
let everything: ChartValues;
let folder: string;
beforeAll(() => prepareTools("helm", "kubeconform"), prepareTimeoutMs);
beforeAll(async () => {
  runners = opened.use(await createRunnerNamespace("chart"));
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-schemas-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const { image, values } = runners;
  everything = {
    ...allValues,
    ...values,
    buildkitd: { enabled: true, image },
    prepull: { enabled: true, images: [image] },
  };
});
afterAll(() => opened.disposeAsync());

const template = (values: ChartValues, ...flags: string[]) =>
  helm(["template", "gpu-ci", runnerChart, "--namespace", runners.name, ...flags], values);
const kubectl = async (args: readonly string[], stdin = "") => {
  const { stdout, stderr } = await exec("kubectl", args, { stdin });
  return `${stdout}${stderr}`;
};

describe("the runners' chart before it is installed", () => {
  it("is valid to kubeconform -strict with the schemas of this cluster, whatever is switched on", async () => {
    const location = await writeKubernetesSchemas(runners.cluster, folder);
    const check = async (manifests: string) => {
      const args = ["-strict", "-summary", "-output", "json", "-schema-location", location];
      const program = join(ensureTools(["kubeconform"]), "kubeconform");
      const { stdout } = await exec(program, args, { stdin: manifests, ignoreExitCode: true });
      return JSON.parse(stdout) as { resources?: { msg: string }[]; summary: Record<string, number> };
    };
    const wrong = { invalid: 0, errors: 0, skipped: 0 };
    const arc = await template({ ...everything, mode: "arc", arc: { scaleSet: "gpu" } });
    expect((await check(arc)).summary).toMatchObject(wrong);
    const manifests = await template(everything);
    expect(await check(manifests)).toMatchObject({
      summary: { ...wrong, valid: manifests.match(/^kind: /gm)?.length },
    });
    expect((await check(manifests.replace("terminationGracePeriodSeconds", "terminationGrace"))).summary).toMatchObject(
      { invalid: 1 },
    );
  });

  it("is accepted by the API server, which would create all of it", async () => {
    await using own = await emptyNamespace(runners.jobs);
    // Without the pod of helm test, whose account is not there yet.
    const manifests = await template({ ...everything, jobs: { createNamespace: false } }, "--no-hooks");
    const lines = await kubectl(["apply", "--dry-run=server", "--validate=strict", "--filename=-"], manifests);
    const answers = lines.trim().split("\n");
    expect(answers.filter((line) => !line.endsWith("(server dry run)"))).toEqual([]);
    expect([own.name, answers.length]).toEqual([runners.jobs, manifests.match(/^kind: /gm)?.length]);
  });
});

describe("the runners' chart on a cluster", () => {
  it("is installed, tested, upgraded without resuming what was drained, and removed without a trace", async () => {
    const { cluster, name } = runners;
    const before = await ours();
    await runners.install({ prepull: { enabled: true, images: [runners.image] }, registryPrune: { enabled: true } });
    expect(await helm(["test", "gpu-ci", "--namespace", name, "--logs"])).toMatch(
      /Phase:\s+Succeeded[\s\S]*release: gpu-ci/,
    );
    // As `gpu-ci runners drain` does it.
    await patchObject(cluster, configMaps, "gpu-ci-runners", { patch: { data: { STATE: "DrainAndSuspend" } } });
    await runners.install({ replicas: 3 });
    const drained = await getObject(cluster, configMaps, "gpu-ci-runners");
    expect(drained?.data).toEqual({ STATE: "DrainAndSuspend" });
    expect((await getObject(cluster, deployments, "gpu-ci-controller"))?.status?.readyReplicas).toBe(1);
    // A runner hangs on the drain switch, so that it goes with the release though the controller made it.
    await startRunner("runner", drained?.metadata?.uid ?? "");
    expect(await restrictedWarnings()).toEqual([]);
    await runners.uninstall();
    await expect.poll(ours, { timeout: 60_000, interval: 250 }).toEqual(before);
    expect(await getObject(cluster, namespaces, runners.jobs)).toBeUndefined();
  });
});

/** What there is in the release's namespace, and of the chart's outside of namespaces. */
async function ours(): Promise<readonly string[]> {
  const everywhere = await snapshotCluster(runners.cluster);
  // Kubernetes adds its own to a new namespace a moment later.
  return everywhere.filter(
    (path) =>
      !/\/(serviceaccounts\/default|configmaps\/kube-root-ca\.crt)$/.test(path) &&
      !/^\/apis\/coordination|\/leases\//.test(path),
  );
}

/** What the API server would warn of if the release's namespace enforced Pod Security restricted. */
async function restrictedWarnings(): Promise<readonly string[]> {
  const label = "pod-security.kubernetes.io/enforce=restricted";
  const said = await kubectl(["label", "--dry-run=server", "--overwrite", "namespace", runners.name, label]);
  return said.split("\n").filter((line) => line.startsWith("Warning"));
}

async function emptyNamespace(name: string): Promise<AsyncDisposable & { readonly name: string }> {
  await createObject(runners.cluster, namespaces, { metadata: { name } });
  return { name, [Symbol.asyncDispose]: async () => void (await kubectl(["delete", "namespace", name])) };
}

const restricted = {
  runAsNonRoot: true,
  runAsUser: 1000,
  seccompProfile: { type: "RuntimeDefault" },
};

async function startRunner(name: string, uid: string): Promise<void> {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  const container = { name: "runner", image: runners.image, command: ["/bin/sleep", "600"], securityContext };
  const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "gpu-ci-runners", uid }];
  const spec = { terminationGracePeriodSeconds: 0, securityContext: restricted, containers: [container] };
  await createObject(runners.cluster, pods, { metadata: { name, ownerReferences }, spec });
}

import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { parseHosting } from "../../../../lib/kubernetes/announced-registry.ts";
import { chooseRegistry } from "../../../../lib/kubernetes/local-registry.ts";
import { silentLog } from "../../../../lib/log.ts";

const hosting = `host: "localhost:5001"
hostFromContainerRuntime: "registry:5000"
hostFromClusterNetwork: "registry.local:5000"
help: "https://example.com"
`;
const announced = { push: "localhost:5001", pull: "registry:5000", inCluster: "registry.local:5000" };
const hostingPath = "/api/v1/namespaces/kube-public/configmaps/local-registry-hosting";
const servicePath = "/api/v1/namespaces/container-registry/services/registry";

/** Asks an API server that has these objects and nothing else. */
async function choose(objects: Record<string, unknown>, registry = "auto", env: NodeJS.ProcessEnv = {}) {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    const found = objects[path];
    const body = found ?? { kind: "Status", status: "Failure", reason: "NotFound", code: 404, message: "not found" };
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port.");
  const kubeconfig = JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${address.port}` } }],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
  try {
    const signal = new AbortController().signal;
    return await chooseRegistry({ registry, kubeconfig, context: undefined, env, log: silentLog, signal });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("chooseRegistry", () => {
  const configMap = { kind: "ConfigMap", data: { "localRegistryHosting.v1": hosting } };
  const service = { kind: "Service", spec: { type: "NodePort", ports: [{ port: 5000, nodePort: 32123 }] } };

  it("takes what the cluster announces", async () => {
    expect(await choose({ [hostingPath]: configMap, [servicePath]: service })).toEqual(announced);
  });

  it("takes the name that works in a pod when it runs in one", async () => {
    const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };
    expect(await choose({ [hostingPath]: configMap }, "auto", env)).toEqual({
      ...announced,
      push: "registry.local:5000",
    });
  });

  it("takes microk8s' Service where nothing is announced", async () => {
    expect(await choose({ [servicePath]: service })).toEqual({
      push: "localhost:32123",
      pull: "localhost:32123",
      inCluster: "registry.container-registry.svc.cluster.local:5000",
    });
  });

  it("takes localhost:32000 where there is neither", async () => {
    expect(await choose({})).toEqual({ push: "localhost:32000", pull: "localhost:32000", inCluster: undefined });
  });

  it("learns the other names of a registry that is given", async () => {
    expect(await choose({ [hostingPath]: configMap }, "localhost:5001")).toEqual(announced);
    expect(await choose({ [hostingPath]: configMap }, "quay.io")).toEqual({
      push: "quay.io",
      pull: "quay.io",
      inCluster: undefined,
    });
  });

  it("asks nobody without a cluster", async () => {
    const signal = new AbortController().signal;
    const env = { HOME: "/nonexistent" };
    const choice = { registry: "auto", kubeconfig: undefined, context: undefined, env, log: silentLog, signal };
    expect(await chooseRegistry(choice)).toEqual({
      push: "localhost:32000",
      pull: "localhost:32000",
      inCluster: undefined,
    });
  });
});

describe("parseHosting", () => {
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["help: x", undefined],
    ["host: [1]", undefined],
    ["{", undefined],
    ['host: "http://localhost:5000/x"', undefined],
    ["host: localhost:5000", { push: "localhost:5000", pull: "localhost:5000", inCluster: undefined }],
    [hosting, announced],
  ])("reads %j", (text, expected) => {
    expect(parseHosting(text)).toEqual(expected);
  });
});

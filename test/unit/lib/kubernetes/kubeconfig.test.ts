import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { findKubeconfigSource } from "../../../../lib/kubernetes/kubeconfig.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

function config(name: string, user: object = {}): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server: `https://${name}:6443`, "certificate-authority": "ca.crt" } }],
    users: [{ name, user }],
  });
}

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe("where the kubeconfig comes from", () => {
  it("is nowhere on a machine without a cluster", () => {
    const nowhere = { env: { HOME: folder }, serviceAccountDirectory: folder, microk8sConfig: join(folder, "none") };
    expect(findKubeconfigSource(nowhere)).toBe(undefined);
  });

  it("is the input, then KUBECONFIG, then the service account, then the home folder, then microk8s", async () => {
    const a = await file("a", config("a"));
    const microk8sConfig = await file("m", config("m"));
    await file("token", "secret");
    await mkdir(join(folder, ".kube"));
    const search = { env: { HOME: folder }, serviceAccountDirectory: folder, microk8sConfig };
    const description = (more: object, env: NodeJS.ProcessEnv) =>
      findKubeconfigSource({ ...search, ...more, env: { ...search.env, ...env } })?.description;
    const inPod = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };
    expect(description({ kubeconfig: "/x" }, { KUBECONFIG: a, ...inPod })).toBe("the input kubeconfig (/x)");
    expect(description({ kubeconfig: config("a") }, { KUBECONFIG: a })).toBe("the content of the input kubeconfig");
    expect(description({}, { KUBECONFIG: a, ...inPod })).toBe(`KUBECONFIG (${a})`);
    expect(description({}, inPod)).toBe("the pod's own service account");
    expect(description({}, {})).toBe(microk8sConfig);
    const home = await file(".kube/config", config("h"));
    expect(description({}, {})).toBe(home);
  });

  it("fails when a path was given that does not exist, and never takes another cluster", () => {
    const source = findKubeconfigSource({ kubeconfig: join(folder, "none"), env: { KUBECONFIG: "/other" } });
    expect(() => source?.read()).toThrow(`There is no file at the input kubeconfig (${join(folder, "none")}).`);
  });

  it.each([
    ["a: [", "The input kubeconfig is not YAML."],
    ["kind: Pod\n", "The input kubeconfig is not a kubeconfig: it has no clusters, users and contexts."],
  ])("fails on content that is no kubeconfig", (kubeconfig, message) => {
    expect(() => findKubeconfigSource({ kubeconfig: `${kubeconfig}\n`, env: {} })?.read()).toThrow(message);
  });
});

describe("what is read", () => {
  it("is merged from several files: the first to name a thing wins, missing files are passed over, paths are the file's own", async () => {
    const a = await file("a", config("a", { "client-certificate": "a.crt", "client-key": "/abs/a.key" }));
    const b = await file("b", `${config("a")}extra: 1\n`);
    const source = findKubeconfigSource({ env: { KUBECONFIG: [a, join(folder, "none"), b].join(":") } });
    expect(source?.read()).toEqual({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster: { server: "https://a:6443", "certificate-authority": join(folder, "ca.crt") } }],
      users: [{ name: "a", user: { "client-certificate": join(folder, "a.crt"), "client-key": "/abs/a.key" } }],
    });
  });

  it("has a token file read again and again, which wins over the token", async () => {
    const path = await file("a", config("a", { token: "old", tokenFile: "token" }));
    const users = findKubeconfigSource({ kubeconfig: path, env: {} })?.read().users;
    const provider = { name: "tokenFile", config: { tokenFile: join(folder, "token") } };
    expect(users).toEqual([{ name: "a", user: { token: undefined, "auth-provider": provider } }]);
  });

  it("tells an exec plugin what it may know, and finds it beside the kubeconfig", async () => {
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./bin/plugin",
      env: [{ name: "A", value: "1" }],
    };
    const path = await file("a", config("a", { exec }));
    const users = findKubeconfigSource({ kubeconfig: path, env: {} })?.read().users;
    const info = { apiVersion: exec.apiVersion, kind: "ExecCredential", spec: { interactive: false } };
    const env = [...exec.env, { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }];
    expect(users).toEqual([{ name: "a", user: { exec: { ...exec, command: join(folder, "bin/plugin"), env } } }]);
  });

  it("is made from the service account in a pod, IPv6 as well", async () => {
    await file("token", "secret");
    await file("namespace", "team\n");
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const document = findKubeconfigSource({ env, serviceAccountDirectory: folder })?.read();
    expect(document?.clusters).toEqual([
      {
        name: "in-cluster",
        cluster: { server: "https://[fd00::1]:443", "certificate-authority": join(folder, "ca.crt") },
      },
    ]);
    expect(document?.contexts).toEqual([
      { name: "in-cluster", context: { cluster: "in-cluster", user: "in-cluster", namespace: "team" } },
    ]);
  });
});

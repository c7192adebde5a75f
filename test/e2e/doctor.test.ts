import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findKubeconfigSource } from "../../lib/kubernetes/kubeconfig.ts";
import { observerRights, type Right, roleRights } from "../../lib/kubernetes/needed-rights.ts";
import { createObject, deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { type ApiObject, type Job, jobs, namespaces, type Resource, secrets } from "../../lib/kubernetes/resource.ts";
import { runDoctor } from "../support/doctor.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const account = "caller";
const past = "2020-01-01T00:00:00Z";

let real: RealCluster;
let folder = "";
beforeAll(async () => {
  real = await openRealCluster("doctor");
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-doctor-"));
  await createObject(real.cluster, plain("", "serviceaccounts", "ServiceAccount"), { metadata: { name: account } });
});
afterAll(async () => {
  await deleteObject(real.cluster, clusterWide("clusterrolebindings", "ClusterRoleBinding"), real.namespace);
  await deleteObject(real.cluster, clusterWide("clusterroles", "ClusterRole"), real.namespace);
  await real[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function plain(group: string, plural: string, kind: string): Resource<ApiObject> {
  return { group, version: "v1", plural, kind, namespaced: true };
}

function clusterWide(plural: string, kind: string): Resource<ApiObject> {
  return { ...plain("rbac.authorization.k8s.io", plural, kind), namespaced: false };
}

/** A kubeconfig of the ServiceAccount alone, for this cluster. */
async function accountKubeconfig(): Promise<string> {
  const path = `/api/v1/namespaces/${real.namespace}/serviceaccounts/${account}/token`;
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } };
  const { status } = await real.cluster.request<{ status: { token: string } }>({ method: "POST", path, body });
  const document = findKubeconfigSource({ env: process.env })?.read();
  const current = document?.contexts.find(({ name }) => name === document["current-context"]);
  const { cluster } = Object(current?.context);
  const config = {
    ...document,
    users: [{ name: account, user: { token: status.token } }],
    contexts: [{ name: account, context: { cluster, user: account, namespace: real.namespace } }],
    "current-context": account,
  };
  const file = join(folder, "kubeconfig");
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function grant(name: string, rights: readonly Right[], role: "Role" | "ClusterRole"): Promise<void> {
  const rules = rights.map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs }));
  const subjects = [{ kind: "ServiceAccount", name: account, namespace: real.namespace }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: role, name };
  const own = (plural: string, kind: string) =>
    role === "Role" ? plain("rbac.authorization.k8s.io", plural, kind) : clusterWide(plural, kind);
  const plural = role.toLowerCase();
  await createObject(real.cluster, own(`${plural}s`, role), { metadata: { name }, rules } as ApiObject);
  const binding = { metadata: { name }, roleRef, subjects } as ApiObject;
  await createObject(real.cluster, own(`${plural}bindings`, `${role}Binding`), binding);
}

const mark = (expires: string) => ({
  labels: { "app.kubernetes.io/managed-by": "gpu-ci" },
  annotations: { "gpu-ci/expires": expires },
});

async function namesOf<T extends ApiObject>(resource: Resource<T>): Promise<readonly (string | undefined)[]> {
  return (await listObjects(real.cluster, resource)).items.map(({ metadata }) => metadata?.name);
}

describe("doctor in a cluster", () => {
  it("finds an administrator and a registry that the cluster names", async () => {
    const { findings } = await runDoctor(["--namespace", real.namespace]);
    const found = (topic: string) => findings.find((finding) => finding.topic === topic);
    expect(found("rights")?.found).toMatch(new RegExp(` may do all that a run needs in namespace ${real.namespace}$`));
    expect(found("observer rights")?.state).toBe("ok");
    expect(found("registry")?.found).toBe(`${process.env.REGISTRY} answers, named by the cluster`);
    expect(found("in the cluster")?.found).toBe(`nothing of ours that expired in namespace ${real.namespace}`);
  });

  it("lists the rules that an account lacks, and is content when it has them", async () => {
    const user = `system:serviceaccount:${real.namespace}:${account}`;
    const kubeconfig = await accountKubeconfig();
    await grant(
      "gpu-ci",
      roleRights.filter(({ resource }) => resource !== "pods/exec" && resource !== "secrets"),
      "Role",
    );
    const poor = await runDoctor(["--kubeconfig", kubeconfig]);
    expect(poor.exitCode).toBe(1);
    expect(poor.withCode("rights-missing")).toEqual([
      {
        group: "cluster",
        topic: "rights",
        state: "missing",
        code: "rights-missing",
        found: `${user} may not in namespace ${real.namespace}: pods/exec: create, get; secrets: create, delete, get, list, patch`,
        cause: null,
        remedy: `Add these rules to a Role there, as runner-deploy's Role gpu-ci-runner has them, and bind it: kubectl create rolebinding gpu-ci-runner --role=gpu-ci-runner --serviceaccount=${real.namespace}:${account} --namespace=${real.namespace}`,
        fixed: false,
      },
    ]);
    expect(poor.withCode("observer-rights-missing").map(({ found }) => found)).toEqual([
      `${user} may not in the whole cluster: nodes: get, list, watch; pods: get, list, watch`,
    ]);
    expect(poor.withCode("registry-hosting-hidden")).toHaveLength(1);
    expect(poor.withCode("not-allowed-to-look").map(({ topic }) => topic)).toContain("GPUs");
    await grant("gpu-ci-rest", roleRights, "Role");
    await grant(real.namespace, observerRights, "ClusterRole");
    const rich = await runDoctor(["--kubeconfig", kubeconfig]);
    const states = rich.findings
      .filter(({ topic }) => topic.endsWith("rights"))
      .map(({ state, code }) => [state, code]);
    expect(states).toEqual([
      ["ok", null],
      ["ok", null],
      ["limited", "registry-hosting-hidden"],
    ]);
    expect(rich.findings.find(({ topic }) => topic === "nodes")?.state).toBe("ok");
  });

  it("says that an account's token is not known", async () => {
    const file = join(folder, "kubeconfig-unknown");
    const { users, ...document } = JSON.parse(readFileSync(await accountKubeconfig(), "utf8")) as { users: object[] };
    writeFileSync(
      file,
      JSON.stringify({ ...document, users: [{ name: account, user: { token: `no-${users.length}` } }] }),
    );
    const unknown = await runDoctor(["--kubeconfig", file]);
    expect(unknown.exitCode).toBe(1);
    expect(unknown.withCode("api-failed").map(({ remedy }) => remedy)).toEqual([
      "The API server does not know these credentials: renew the kubeconfig, or the token it names.",
    ]);
  });

  it("removes by --fix what a killed run of ours left behind, and nothing else", async () => {
    const container = { name: "main", image: "localhost/none" };
    const job: Job = {
      metadata: { name: "left-job", ...mark(past) },
      spec: { suspend: true, template: { spec: { restartPolicy: "Never", containers: [container] } } },
    };
    await createObject(real.cluster, jobs, job);
    await createObject(real.cluster, secrets, { metadata: { name: "left-secret", ...mark(past) } });
    await createObject(real.cluster, secrets, { metadata: { name: "running", ...mark("2999-01-01T00:00:00Z") } });
    await createObject(real.cluster, secrets, { metadata: { name: "others", annotations: mark(past).annotations } });
    await createObject(real.cluster, secrets, { metadata: { name: "chart", labels: mark(past).labels } });
    const args = ["--namespace", real.namespace];
    const before = await runDoctor(args);
    expect(
      before.withCode("expired-leftovers").map(({ found, remedy }) => [found.replace(/up to .* ago/, ""), remedy]),
    ).toEqual([
      [
        `Job left-job, Secret left-secret in namespace ${real.namespace}, expired `,
        `gpu-ci doctor --fix --namespace ${real.namespace}`,
      ],
    ]);
    const { findings } = await runDoctor([...args, "--fix"]);
    expect(findings.filter(({ fixed }) => fixed).map(({ state, found }) => [state, found])).toEqual([
      ["ok", `removed Job left-job, Secret left-secret in namespace ${real.namespace}`],
    ]);
    expect([await namesOf(jobs), await namesOf(secrets)]).toEqual([[], ["chart", "others", "running"]]);
    expect((await runDoctor(args)).withCode("expired-leftovers")).toEqual([]);
  });

  it("looks into other namespaces only when told to", async () => {
    const name = `${real.namespace}-other`;
    await createObject(real.cluster, namespaces, { metadata: { name } });
    try {
      await createObject(real.cluster, secrets, { metadata: { name: "far", namespace: name, ...mark(past) } });
      const lines = async (...args: string[]) =>
        (await runDoctor(["--namespace", real.namespace, ...args]))
          .withCode("expired-leftovers")
          .map(({ found }) => found);
      expect(await lines()).toEqual([]);
      expect(await lines("--all-namespaces")).toContainEqual(
        expect.stringMatching(new RegExp(`^Secret far in namespace ${name}, expired up to \\d+ h \\d+ m ago$`)),
      );
    } finally {
      await deleteObject(real.cluster, namespaces, name);
    }
  });
});

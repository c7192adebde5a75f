import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { findKubeconfigSource } from "../../lib/kubernetes/kubeconfig.ts";
import { createObject, deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { describePodTrouble } from "../../lib/kubernetes/pod-trouble.ts";
import { namespaces, pods, secrets } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import { pushBusyboxImage } from "./busybox-image.ts";
import { type ChartValues, helm, runnerChart } from "./runner-chart.ts";

/** A namespace for a release of the runners' chart, with the forge's Secret and a stand-in for the controller's image. */
export interface RunnerNamespace extends AsyncDisposable {
  /** Of the release. */
  readonly name: string;
  readonly jobs: string;
  readonly image: string;
  /** In the release's namespace, as who the kubeconfig says. */
  readonly cluster: Cluster;
  readonly values: ChartValues;
  install(values?: ChartValues): Promise<void>;
  uninstall(): Promise<void>;
}

// It stands for a controller that works, and for `gpu-ci runners status` that fails when its settings are not where they were promised.
const standIn =
  'trap "exit 0" TERM; [ "$2" != drain ] || exit 0; [ "$2" != status ] || exec grep release: "$GPU_CI_RUNNERS_CONFIG"; sleep 3600 & wait';

/** Throws when the environment names no cluster: these tests are not skipped. */
export async function createRunnerNamespace(prefix: string): Promise<RunnerNamespace> {
  const { env } = process;
  const { KUBECONFIG, REGISTRY } = env;
  if (!KUBECONFIG || !REGISTRY)
    throw new Error("Set KUBECONFIG and REGISTRY: the chart is installed into a real cluster.");
  const name = `${prefix}-${randomBytes(3).toString("hex")}`;
  const entrypoint = ["/bin/sh", "-c", standIn, "gpu-ci"];
  const image = await pushBusyboxImage({ registry: REGISTRY, repository: "runner-deploy/stand-in", entrypoint });
  const cluster = await connectKubernetes({
    kubeconfig: undefined,
    context: undefined,
    namespace: name,
    env,
    log: silentLog,
  });
  await createObject(cluster, namespaces, { metadata: { name } });
  await createObject(cluster, secrets, { metadata: { name: "gpu-ci-runners-token" }, stringData: { token: "none" } });
  const values = {
    controller: { image },
    runner: { image },
    forge: { kind: "gitea", url: "http://192.0.2.1:3000", scope: "instance" },
    admission: { registries: [REGISTRY] },
  };
  const upgrade = ["upgrade", "--install", "gpu-ci", runnerChart, "--namespace", name, "--wait", "--timeout", "120s"];
  const uninstall = ["uninstall", "gpu-ci", "--namespace", name, "--wait", "--ignore-not-found", "--timeout", "120s"];
  return {
    name,
    jobs: `${name}-jobs`,
    image,
    cluster,
    values,
    install: async (more = {}) => {
      await helm(upgrade, { ...values, ...more }).catch(async (error: unknown) => {
        // No hook of the test runner cleans up after a setup that failed, and what stays would fail every other installation.
        const troubles = (await listObjects(cluster, pods)).items.flatMap((pod) => describePodTrouble(pod) ?? []);
        await helm(uninstall);
        throw new Error(troubles.join("\n"), { cause: error });
      });
      await policiesAct(cluster, name);
    },
    uninstall: async () => void (await helm(uninstall)),
    async [Symbol.asyncDispose]() {
      await helm(uninstall);
      await deleteObject(cluster, namespaces, name);
      cluster.close();
    },
  };
}

/** Waits until the API server has taken up the policies, and until a pod's account is there: both come a moment later. */
async function policiesAct(cluster: Cluster, name: string): Promise<void> {
  const query = { dryRun: "All" };
  const spec = { containers: [{ name: "main", image: "registry.example/image" }] };
  const pod = { path: `/api/v1/namespaces/${name}-jobs/pods`, body: { metadata: { name: "refused" }, spec } };
  const path = `/api/v1/namespaces/${name}/configmaps/gpu-ci-runners`;
  const change = { path, body: { data: { STATE: "refused" } }, contentType: "application/merge-patch+json" };
  const answer = (request: Promise<unknown>) => request.then(() => "taken", String);
  let answers: readonly string[] = [];
  for (const begin = Date.now(); Date.now() < begin + 60_000; await wait(100)) {
    answers = [
      await answer(cluster.request({ method: "PATCH", query, ...change })),
      await answer(cluster.request({ method: "POST", query, ...pod })),
    ];
    if (answers.every((text) => text.includes("ValidatingAdmissionPolicy"))) return;
  }
  throw new Error(`The chart's policies did not act within a minute: ${answers.join("; ")}`);
}

/** A kubeconfig for a ServiceAccount of the namespace: its token, valid for an hour, another server if one is given, the jobs' namespace. */
export async function accountKubeconfig(runners: RunnerNamespace, account: string, server?: string): Promise<string> {
  const { name, jobs, cluster } = runners;
  const path = `/api/v1/namespaces/${name}/serviceaccounts/${account}/token`;
  const { status } = await cluster.request<{ status: { token: string } }>({
    method: "POST",
    path,
    body: { spec: { expirationSeconds: 3600 } },
  });
  const own = clusterOf(process.env);
  return JSON.stringify({
    clusters: [{ name: "test", cluster: server === undefined ? own : { server } }],
    users: [{ name: "account", user: { token: status.token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "account", namespace: jobs } }],
    "current-context": "test",
  });
}

/** The certificate authority of the cluster that the environment names. */
export function certificateAuthority(env: NodeJS.ProcessEnv = process.env): string {
  const { "certificate-authority": file, "certificate-authority-data": data = "" } = clusterOf(env);
  return file === undefined ? Buffer.from(data, "base64").toString() : readFileSync(file, "utf8");
}

function clusterOf(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const document = findKubeconfigSource({ env })?.read();
  const current = document?.contexts.find(({ name }) => name === document["current-context"]);
  const { cluster } = Object(current?.context);
  return Object(document?.clusters.find(({ name }) => name === cluster)?.cluster);
}

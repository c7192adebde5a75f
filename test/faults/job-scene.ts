import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { createObject, deleteObject, getObject, listObjects } from "../../lib/kubernetes/object.ts";
import {
  type ApiObject,
  jobs,
  namespaces,
  type Pod,
  pods,
  type Resource,
  secrets,
} from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import type { ApiProxy } from "../support/api-proxy.ts";
import type { JobProcess } from "./job-run.ts";
import { type JobOrder, type JobTool, jobName } from "./job-tools.ts";

/** Where one tool meets one fault: a namespace of its own, what the fault needs to happen, and what is undone afterwards. */
export interface JobScene extends AsyncDisposable {
  readonly tool: JobTool["name"];
  readonly namespace: string;
  /** The administrator's own connection, which no fault touches but those of the whole API server. */
  readonly cluster: Cluster;
  readonly image: string;
  readonly folder: string;
  readonly runId: string;
  readonly jobName: string;
  /** Undone in the end, the last first. */
  readonly undo: AsyncDisposableStack;
  /** Undefined where the fault needs none. */
  proxy: ApiProxy | undefined;
  /** What the tool was asked for; undefined before it is started. */
  order: JobOrder | undefined;
  process: JobProcess | undefined;
  /** Whatever a fault keeps between its steps. */
  readonly notes: Map<string, string>;
  /** The test's pod as soon as it is as wanted; asks every 100 ms, for a minute. */
  podThat(isReached: (pod: Pod) => boolean, name?: string): Promise<Pod>;
  /** The test's pod as soon as its container runs. */
  running(): Promise<Pod>;
  /** Names of all that the tool left in the namespace. */
  leftovers(): Promise<readonly string[]>;
}

const accounts: Resource<ApiObject> = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

/** Makes a namespace and a folder for a tool. */
export async function openScene(tool: JobTool["name"], image: string): Promise<JobScene> {
  await using undo = new AsyncDisposableStack();
  const id = randomBytes(3).toString("hex");
  const namespace = `faults-${id}`;
  const runId = `f${id}`;
  const cluster = await connectKubernetes({
    kubeconfig: undefined,
    context: undefined,
    namespace,
    env: process.env,
    log: silentLog,
  });
  undo.defer(() => cluster.close());
  await createObject(cluster, namespaces, { metadata: { name: namespace } });
  undo.defer(async () => void (await deleteObject(cluster, namespaces, namespace)));
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-faults-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  // A namespace's own account comes a moment after it, and before that no pod does.
  while (!(await getObject(cluster, accounts, "default"))) await sleep(50);
  const kept = undo.move();
  const podThat = async (isReached: (pod: Pod) => boolean, name = jobName(runId)): Promise<Pod> => {
    for (const until = performance.now() + 60_000; performance.now() < until; await sleep(100)) {
      const labelSelector = `batch.kubernetes.io/job-name=${name}`;
      const { items } = await listObjects(cluster, pods, { labelSelector });
      const found = items.find(isReached);
      if (found) return found;
    }
    throw new Error(`Job ${name} of ${namespace} has no such pod.`);
  };
  return {
    tool,
    namespace,
    cluster,
    image,
    folder,
    runId,
    jobName: jobName(runId),
    undo: kept,
    proxy: undefined,
    order: undefined,
    process: undefined,
    notes: new Map(),
    podThat,
    running: () => podThat(isRunning),
    leftovers: async () => {
      const namesOf = async <T extends ApiObject>(resource: Resource<T>) =>
        (await listObjects(cluster, resource)).items.map(({ metadata }) => `${resource.kind} ${metadata?.name}`);
      const all = (await Promise.all([namesOf(jobs), namesOf(pods), namesOf(secrets)])).flat();
      return all.filter((name) => name.includes(runId));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Whether the test's container runs. */
export function isRunning({ status, metadata }: Pod): boolean {
  const test = status?.containerStatuses?.find(({ name }) => name === "test");
  return test?.state?.running !== undefined && metadata?.deletionTimestamp === undefined;
}

import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { getObject, listObjects, patchObject } from "../kubernetes/object.ts";
import { type Job, jobs, type Secret, secrets } from "../kubernetes/resource.ts";
import type { RunningTest } from "./engine.ts";
import { testContainer } from "./kubernetes-container.ts";
import type { KubernetesEngineDeps } from "./kubernetes-engine.ts";
import { JobFollower } from "./kubernetes-job-follower.ts";
import { findLeftovers } from "./kubernetes-leftovers.ts";
import { runningTest } from "./kubernetes-running.ts";
import { parseResumeNote, type ResumeNote, resumeAnnotation } from "./resume-note.ts";
import { identifyProcess, processAnnotation, processState } from "./run-process.ts";
import type { TestPod } from "./test-pod.ts";

/** A test that somebody else started, followed from here on. */
export interface ResumedTest {
  readonly pod: TestPod;
  readonly note: ResumeNote;
  readonly startedAt: Date;
  readonly running: RunningTest;
  /** Removes what the run had beside the Job and its Secret, and ends the connections. */
  remove(): Promise<void>;
}

/**
 * Takes over a run by the value of its label gpu-ci/run or the name of its Job, in the cluster's namespace. Throws DomainError `run-missing`,
 * `run-unknown` for a Job that cannot be gone on with, and `run-alive` when a process of this machine follows it still.
 */
export async function resumeTest(cluster: Cluster, run: string, deps: KubernetesEngineDeps): Promise<ResumedTest> {
  const found = await findJob(cluster, run, deps.signal);
  const note = parseResumeNote(found.metadata?.annotations?.[resumeAnnotation]);
  const name = found.metadata?.name ?? "";
  if (!note) {
    const hint = "Read its log with 'kubectl logs', and remove it with 'kubectl delete'.";
    throw new DomainError("run-unknown", `Job ${name} does not say how it is to be judged.`, { hint });
  }
  const job = await takeOver(cluster, found, deps);
  const labelSelector = `gpu-ci/run=${job.metadata?.labels?.["gpu-ci/run"]}`;
  const { items } = await listObjects(cluster, secrets, { labelSelector, signal: deps.signal });
  const secret = items.find(({ metadata }) => metadata?.name === name);
  const pod = podOf(job, items, note);
  const startedAt = new Date(job.metadata?.creationTimestamp ?? deps.now());
  deps.log.info(`Going on with ${name}, which was created at ${startedAt.toISOString()}.`);
  const follower = new JobFollower({ cluster, pod, job, isResumed: true, ...deps });
  const isOwned = (secret?.metadata?.ownerReferences ?? []).length > 0;
  const owned = secret ? Promise.resolve(isOwned) : undefined;
  const remove = async () => {
    const scope = { run: pod.labels["gpu-ci/run"] ?? "", namespace: cluster.namespace };
    const rest = await findLeftovers(cluster, { ...scope, now: deps.now(), signal: AbortSignal.timeout(60_000) });
    await Promise.all(rest.map((leftover) => leftover.remove()));
    cluster.close();
  };
  return { pod, note, startedAt, running: runningTest({ cluster, pod, follower, owned, deps }), remove };
}

/** Of the attempts of a run the last one. */
async function findJob(cluster: Cluster, run: string, signal: AbortSignal): Promise<Job> {
  const labelSelector = "app.kubernetes.io/managed-by=gpu-ci,gpu-ci/run";
  const { items } = await listObjects(cluster, jobs, { labelSelector, signal });
  const meant = items.filter(({ metadata }) => metadata?.name === run || metadata?.labels?.["gpu-ci/run"] === run);
  const createdAt = ({ metadata }: Job) => Date.parse(metadata?.creationTimestamp ?? "");
  const [last] = meant.toSorted((a, b) => createdAt(b) - createdAt(a));
  if (last) return last;
  const names = items.map(({ metadata }) => metadata?.labels?.["gpu-ci/run"]).join(", ");
  const hint = `${names ? `There is: ${names}. ` : ""}A Job is removed by the cluster 10 minutes after it ended.`;
  throw new DomainError("run-missing", `Namespace ${cluster.namespace} has no Job of run ${run}.`, { hint });
}

/** Writes this process onto the Job; who was faster than we, or still lives, keeps it. */
async function takeOver(cluster: Cluster, job: Job, deps: KubernetesEngineDeps): Promise<Job> {
  const { signal, log } = deps;
  const { name = "", resourceVersion, annotations } = job.metadata ?? {};
  const before = annotations?.[processAnnotation];
  if ((await processState(before)) === "alive") {
    const pid = before?.split("/")[2];
    const hint = `End process ${pid} first, or let it finish.`;
    throw new DomainError("run-alive", `Job ${name} is followed by process ${pid} of this machine.`, { hint });
  }
  const ours = { [processAnnotation]: (await identifyProcess()) ?? null };
  try {
    return await patchObject(cluster, jobs, name, {
      patch: { metadata: { resourceVersion, annotations: ours } },
      signal,
    });
  } catch (error) {
    if (isStatus(error, 403)) {
      log.warning(`Job ${name} may not be marked as followed by this process: let nobody else resume or sweep it now.`);
      return job;
    }
    if (!isStatus(error, 409)) throw error;
    return await takeOver(cluster, (await getObject(cluster, jobs, name, { signal })) ?? job, deps);
  }
}

/** Keys of a run's Secret that hold no secret. */
const scriptKeys = ["run", "collect"];

/** The test as far as it is followed, judged and removed by; its container is made already. */
function podOf(job: Job, ours: readonly Secret[], note: ResumeNote): TestPod {
  const spec = job.spec?.template.spec;
  const test = spec?.containers.find(({ name }) => name === testContainer);
  const values = ours.flatMap(({ data }) => Object.entries(data ?? {})).filter(([key]) => !scriptKeys.includes(key));
  const { collect, gpus, gpuResource, timeoutMs, pendingTimeoutMs, wrap } = note;
  return {
    name: job.metadata?.name ?? "",
    image: test?.image ?? "",
    command: [],
    env: {},
    secretEnv: {},
    masked: values.map(([, value]) => Buffer.from(value, "base64").toString("utf8").trim()).filter(Boolean),
    gpus,
    gpuResource,
    cpu: test?.resources?.requests?.cpu,
    memory: test?.resources?.requests?.memory,
    shmSize: undefined,
    runAs: "image",
    collect,
    wrap,
    timeoutMs,
    pendingTimeoutMs,
    shards: job.spec?.completions ?? 1,
    services: [],
    labels: job.metadata?.labels ?? {},
    annotations: job.metadata?.annotations ?? {},
    placement: {
      nodeSelector: spec?.nodeSelector ?? {},
      tolerations: [],
      runtimeClass: spec?.runtimeClassName,
      queueName: undefined,
      priorityClass: spec?.priorityClassName,
      serviceAccount: spec?.serviceAccountName,
      volumes: [],
      podPatch: undefined,
    },
  };
}

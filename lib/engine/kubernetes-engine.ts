import { DomainError, describeError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus, KubernetesError } from "../kubernetes/kubernetes-error.ts";
import { createObject, getObject, listObjects, patchObject } from "../kubernetes/object.ts";
import { type ApiObject, type Job, jobs, nodes, type Resource, secrets } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";
import { createAllowance } from "./allowance.ts";
import type { Engine, RunningTest } from "./engine.ts";
import { judgeRefusal } from "./kubernetes-admission.ts";
import { largestAllocatable } from "./kubernetes-capacity.ts";
import { needsSecret } from "./kubernetes-container.ts";
import { findDenial } from "./kubernetes-denial.ts";
import { testJob, testSecret } from "./kubernetes-job.ts";
import { JobFollower } from "./kubernetes-job-follower.ts";
import { createPodFeed, type PodFeed } from "./kubernetes-pod-feed.ts";
import { removeTest } from "./kubernetes-removal.ts";
import { runningTest } from "./kubernetes-running.ts";
import { sweepExpired } from "./kubernetes-sweep.ts";
import { findRunnerOwner } from "./runner-owner.ts";
import type { TestPod } from "./test-pod.ts";

export interface KubernetesEngineDeps {
  readonly log: Log;
  /** The caller's cancellation. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Says whether this process runs in a pod; default is no. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What the tests of one engine share. */
interface StartDeps extends KubernetesEngineDeps {
  readonly feed: PodFeed;
  readonly mayExplain: () => boolean;
}

/** One test never asks more often than this why it waits; a thousand would be most of what the API server has to answer. */
const explanations = { burst: 20, perSecond: 2 };

/** What an account lacks is asked for within this time: the refusal itself is known. */
const denialMs = 10_000;

/** Runs tests as Jobs in a cluster. Tests that run at the same time share what they can: connections, a watch, the sweep of leftovers. */
export function kubernetesEngine(cluster: Cluster, deps: KubernetesEngineDeps): Engine {
  const lease = createLease(cluster);
  const feed = createPodFeed(cluster);
  const mayExplain = createAllowance(explanations, deps.now);
  let isSwept = false;
  return {
    name: "kubernetes",
    gpuCount: (gpuResource) => countGpus(cluster, gpuResource, deps.signal),
    start: async (pod) => {
      const test = await startTest(lease(), pod, { ...deps, feed, mayExplain });
      if (!isSwept) sweepExpired(cluster, deps);
      isSwept = true;
      return test;
    },
  };
}

/** The cluster for one test each: the last one that closes it does so for all. */
function createLease(cluster: Cluster): () => Cluster {
  let held = 0;
  return () => {
    held++;
    let isHeld = true;
    const close = () => {
      if (isHeld) held--;
      isHeld = false;
      if (held === 0) cluster.close();
    };
    return { ...cluster, close };
  };
}

async function countGpus(cluster: Cluster, gpuResource: string, signal: AbortSignal): Promise<number> {
  try {
    const { items } = await listObjects(cluster, nodes, { signal });
    return largestAllocatable(items, gpuResource);
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    throw new DomainError("not-authorized", "gpus: auto has to see the nodes, and the account may not list them.", {
      hint: "Set gpus to a number, or bind the ClusterRole gpu-ci-observer.",
      cause: error,
    });
  }
}

async function startTest(cluster: Cluster, pod: TestPod, deps: StartDeps): Promise<RunningTest> {
  const { signal, log } = deps;
  const run = pod.labels["gpu-ci/run"] ?? "";
  try {
    if (needsSecret(pod)) await createOurs(cluster, secrets, testSecret(pod), { run, log, signal });
    const owner = await findRunnerOwner(cluster, deps.env ?? {}, signal);
    const job = await createOurs(cluster, jobs, ownedBy(testJob(pod), owner), { run, log, signal });
    const follower = new JobFollower({ cluster, pod, job, ...deps });
    const owned = needsSecret(pod) ? ownSecret(cluster, job, deps) : undefined;
    return runningTest({ cluster, pod, follower, owned, deps });
  } catch (error) {
    await removeTest(cluster, { name: pod.name, run }).catch((cleanup: unknown) => {
      // Who may not look has created nothing either; what was refused is the story, not this.
      if (!isStatus(cleanup, 403)) log.warning(`What was begun could not be removed: ${describeError(cleanup)}`);
    });
    const refused = await toStartError(error, pod, cluster);
    cluster.close();
    throw refused;
  }
}

/** Creates an object under a name that is this run's alone. One that is there from a try that died is removed first. */
async function createOurs<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  object: T,
  { run, log, signal }: { readonly run: string; readonly log: Log; readonly signal: AbortSignal },
): Promise<T> {
  try {
    return await createObject(cluster, resource, object, { deterministicName: true, signal });
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
    const name = object.metadata?.name ?? "";
    const existing = await getObject(cluster, resource, name, { signal });
    if (existing && existing.metadata?.labels?.["gpu-ci/run"] !== run) throw error;
    log.info(`${resource.kind} ${name} is left over from an earlier try of this run; removing it.`);
    await removeTest(cluster, { name, run });
    return createObject(cluster, resource, object, { deterministicName: true, signal });
  }
}

function ownedBy(job: Job, owner: Awaited<ReturnType<typeof findRunnerOwner>>): Job {
  return owner === undefined ? job : { ...job, metadata: { ...job.metadata, ownerReferences: [owner] } };
}

/** Makes the Job the Secret's owner; without that right the Secret is deleted by hand in the end. */
async function ownSecret(cluster: Cluster, job: Job, { log, signal }: KubernetesEngineDeps): Promise<boolean> {
  const { name = "", uid = "" } = job.metadata ?? {};
  try {
    const ownerReferences = [{ apiVersion: "batch/v1", kind: "Job", name, uid }];
    await patchObject(cluster, secrets, name, { patch: { metadata: { ownerReferences } }, signal });
    return true;
  } catch (error) {
    if (!signal.aborted) log.warning(`Secret ${name} could not be given its Job as owner: ${String(error)}`);
    return false;
  }
}

async function toStartError(error: unknown, pod: TestPod, cluster: Cluster): Promise<unknown> {
  if (!(error instanceof KubernetesError)) return error;
  const refusal = judgeRefusal(error.message, pod);
  const lacksRight = error.status === 401 || (error.status === 403 && /cannot \w+ resource/.test(error.message));
  const code = lacksRight ? "not-authorized" : "admission-refused";
  const denial =
    lacksRight && error.status === 403
      ? await findDenial(cluster, "role", AbortSignal.timeout(denialMs)).catch(() => undefined)
      : undefined;
  const hint = denial
    ? `The account may not ${denial.missing} in namespace ${cluster.namespace}. This adds the rights:\n${denial.manifest}`
    : error.hint;
  return new DomainError(code, refusal.words, { cause: error, retryable: error.retryable, ...(hint ? { hint } : {}) });
}

import { createHash } from "node:crypto";
import pLimit from "p-limit";
import { describeError } from "../error.ts";
import type { Host } from "../host.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { listObjects } from "../kubernetes/object.ts";
import { nodes, type Pod, pods } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";
import { createAbandonedJobs } from "./abandoned-jobs.ts";
import { createAwayClock } from "./away-clock.ts";
import { createBackoff } from "./backoff.ts";
import type { DrainSwitch } from "./drain-switch.ts";
import { planRunners, type RunnerStep } from "./plan-runners.ts";
import type { RunnerConfig, RunnerTemplate } from "./runner-config.ts";
import type { ForgeRunner, RunnerForge } from "./runner-forge.ts";
import { activityLabel, runnerSelector, templateHash } from "./runner-pod.ts";
import { learnRegistrations, performStep, type StepContext } from "./runner-steps.ts";
import { sayOnce } from "./say-once.ts";
import type { SwitchFollower } from "./switch-follower.ts";

/** What runners are kept of, and where. */
export interface LookOptions {
  readonly cluster: Cluster;
  readonly forge: RunnerForge;
  readonly config: RunnerConfig;
  readonly template: RunnerTemplate;
}

/** What is wanted at one look. */
export interface Wanted {
  readonly replicas: number;
  readonly positions: DrainSwitch;
  readonly signal: AbortSignal;
}

/** What there was at one look. */
export interface Seen {
  /** Pods and registrations of ours; one more while the forge does not tell. */
  readonly left: number;
  /** Whether a runner has just been made, or comes up: worth another look soon. */
  readonly isChanging: boolean;
}

/** One look at the cluster and the forge, and what follows from it. */
export type Look = (wanted: Wanted) => Promise<Seen>;

const parallel = 8;

/** Makes the looks of one controller. All they remember is for how long something has been going on, and the registrations. */
export function createLook(
  options: LookOptions,
  deps: Pick<Host, "log" | "now">,
  drainSwitch: Pick<SwitchFollower, "globalConfigMap" | "placeUid">,
): Look {
  const { cluster, forge, config, template } = options;
  const [away, backoff] = [createAwayClock(), createBackoff()];
  const place = createHash("sha256").update(drainSwitch.placeUid).digest("hex").slice(0, 6);
  const prefix = `${config.release}-runner-${place}-`;
  const listOwn = createOwnList(forge, prefix, deps.log);
  const registrations = new Map<string, string>();
  const removeAbandoned = createAbandonedJobs(cluster, { namespace: config.jobsNamespace, prefix, log: deps.log });
  return async ({ replicas, positions: drain, signal }) => {
    const nowMs = deps.now().getTime();
    const { items } = await listObjects(cluster, pods, { labelSelector: runnerSelector(config.release), signal });
    const runners = await listOwn(signal);
    const awaySince = away.observe(items, runners, nowMs);
    const nodeNames = drain.nodes.size === 0 ? undefined : await listNodes(cluster, signal);
    const scene = { pods: items, runners, drain, nodes: nodeNames, awaySince, nowMs };
    const mayCreate = backoff.observe(items, nowMs);
    const registerTimeoutMs = config.registerTimeout;
    const steps = planRunners(scene, { replicas, template: templateHash(config), registerTimeoutMs, mayCreate });
    const owner = ownerOf(drainSwitch);
    const context = { ...deps, cluster, forge, config, template, prefix, drain, owner, registrations, signal };
    await learnRegistrations(namesOf(items, runners), context);
    // First: a runner that is made now is none of those that were listed.
    await removeAbandoned(items, signal);
    await performAll(steps, context);
    const isStarting = items.some(({ metadata }) => metadata?.labels?.[activityLabel] === "starting");
    const isChanging = isStarting || steps.some(({ kind }) => kind === "create");
    return { left: items.length + (runners?.length ?? 1), isChanging };
  };
}

/** Lists what is ours at the forge; undefined, and one line in the log, while the forge does not answer. */
function createOwnList(forge: RunnerForge, prefix: string, log: Log) {
  const say = sayOnce(log);
  return async (signal: AbortSignal): Promise<readonly ForgeRunner[] | undefined> => {
    try {
      const listed = await forge.list(signal);
      say(undefined);
      return listed.filter(({ name }) => name.startsWith(prefix));
    } catch (error) {
      signal.throwIfAborted();
      say(describeError(error));
      return undefined;
    }
  };
}

async function performAll(steps: readonly RunnerStep[], context: StepContext): Promise<void> {
  const limit = pLimit(parallel);
  const results = await Promise.allSettled(steps.map((step) => limit(() => performStep(step, context))));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function namesOf(items: readonly Pod[], runners: readonly ForgeRunner[] = []): ReadonlySet<string> {
  return new Set([...items.map(({ metadata }) => metadata?.name ?? ""), ...runners.map(({ name }) => name)]);
}

async function listNodes(cluster: Cluster, signal: AbortSignal): Promise<readonly string[] | undefined> {
  try {
    const { items } = await listObjects(cluster, nodes, { signal });
    return items.filter(({ spec }) => spec?.unschedulable !== true).map(({ metadata }) => metadata?.name ?? "");
  } catch (error) {
    // Nodes are the whole cluster's: a controller without the observer's rights does without them.
    if (isStatus(error, 403)) return undefined;
    throw error;
  }
}

/** The chart's ConfigMap goes with the release: so do the runners, which the chart does not know. One made by hand owns nothing. */
function ownerOf(drainSwitch: Pick<SwitchFollower, "globalConfigMap">) {
  const configMap = drainSwitch.globalConfigMap();
  return configMap?.metadata?.annotations?.["meta.helm.sh/release-name"] === undefined ? undefined : configMap;
}

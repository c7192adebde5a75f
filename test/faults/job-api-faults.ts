import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { events, jobs, nodes } from "../../lib/kubernetes/resource.ts";
import { refusePods } from "./admission-webhook.ts";
import {
  expiredWatch,
  isJobPost,
  isLog,
  isWatch,
  replayFirst,
  saneTimes,
  shiftSince,
  shiftTimes,
  swell,
  throttled,
  tooMany,
  waitedAsTold,
} from "./api-wire.ts";
import { halfOpen } from "./half-open.ts";
import { type JobFault, talking } from "./job-fault.ts";
import type { JobRun } from "./job-run.ts";
import type { JobScene } from "./job-scene.ts";
import { fillPodQuota, limitedToken } from "./namespace-faults.ts";

const short = talking(20, 0.2);
const long = talking(60, 0.25);
const running = ([scene]: readonly JobScene[]) => scene?.running() ?? Promise.reject(new Error("no scene"));

/** F02 to F14: what a proxy, an account's rights and the API server's own rules do. */
export const jobApiFaults: readonly JobFault[] = [
  {
    id: "F02",
    name: "API server away for good",
    command: "sleep 3600",
    limitMs: 480_000,
    wire: () => ({}),
    strike: async (scenes) => {
      await running(scenes);
      for (const { proxy } of scenes) {
        proxy?.refuse(true);
        proxy?.cut();
      }
    },
    // A post step finds nobody either.
    after: async () => {},
    truth: ({ jobName }) => ({
      verdict: "infrastructure",
      says: new RegExp(`${jobName}[\\s\\S]*(has been away|cannot be reached|refused|EOF)`),
      keepsJob: true,
      check: async (_run, { cluster }) =>
        (await listObjects(cluster, jobs)).items.length === 1 ? undefined : "the Job is gone",
    }),
  },
  {
    id: "F03",
    name: "watch expired (410), events lost meanwhile",
    ...short,
    wire: expiredWatch,
    strike: async (scenes) => {
      await running(scenes);
      const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
      for (const scene of scenes) {
        scene.notes.set("struck", "yes");
        scene.proxy?.endWith(JSON.stringify({ type: "ERROR", object: status }), isWatch);
      }
    },
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F04",
    name: "watches and logs end in order every second",
    ...long,
    wire: () => ({
      fault: (request) => (isWatch(request) || isLog(request) ? { endAfterMs: 1000, isOrderly: true } : undefined),
    }),
    truth: { verdict: "passed", log: long.log, check: (_run, scene) => tooMany(scene, 60) },
  },
  {
    id: "F05",
    name: "half-open connections: no data, no end",
    ...short,
    limitMs: 120_000,
    strike: async (scenes) => {
      await running(scenes);
      for (const scene of scenes) await halfOpen(scene);
    },
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F06",
    name: "an API server that lags behind: old states come again",
    ...short,
    wire: () => ({ fault: (request) => (isWatch(request) ? replayFirst() : undefined) }),
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F07",
    name: "429 with Retry-After 2",
    ...short,
    wire: () => ({ fault: throttled }),
    truth: { verdict: "passed", log: short.log, check: waitedAsTold },
  },
  {
    id: "F08",
    name: "token replaced in mid-run (401)",
    ...long,
    before: async ({ folder, notes }) => {
      notes.set("token", "first");
      await writeFile(join(folder, "token"), "first\n");
    },
    user: ({ folder }) => ({ tokenFile: join(folder, "token") }),
    wire: ({ notes }) => ({
      fault: ({ headers }) =>
        headers.authorization === `Bearer ${notes.get("token")}` ? undefined : { status: 401, reason: "Unauthorized" },
    }),
    strike: async (scenes) => {
      await running(scenes);
      for (const { folder, notes, proxy } of scenes) {
        notes.set("token", "second");
        await writeFile(join(folder, "token.new"), "second\n");
        await rename(join(folder, "token.new"), join(folder, "token"));
        proxy?.cut();
      }
    },
    truth: { verdict: "passed", log: long.log },
  },
  {
    id: "F09",
    name: "no right to read events and nodes",
    ...short,
    before: async (scene) => void scene.notes.set("token", await limitedToken(scene)),
    user: ({ notes }) => ({ token: notes.get("token") }),
    inputs: ({ namespace }) => ({ "node-selector": `gpu-ci-faults/${namespace}=yes` }),
    strike: labelNodeLate,
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F10",
    name: "answer to the creation of the Job lost",
    ...short,
    wire: () => ({ fault: (request, earlier) => (isJobPost(request) && earlier === 0 ? "lose-answer" : undefined) }),
    truth: { verdict: "passed", log: short.log, check: onePodAlone },
  },
  {
    id: "F11",
    name: "an admission webhook refuses the pod",
    command: "true",
    before: refusePods,
    inputs: () => ({ "pending-timeout": "60s" }),
    truth: { verdict: "infrastructure", says: /no pods on a full moon/ },
  },
  {
    id: "F12",
    name: "quota of pods used up",
    command: "true",
    before: fillPodQuota,
    inputs: () => ({ "pending-timeout": "15s" }),
    truth: { verdict: "infrastructure", says: /exceeded quota: full/ },
  },
  {
    id: "F13",
    name: "unknown fields, huge objects, lines in pieces",
    ...short,
    wire: () => ({ fault: (request) => (isWatch(request) ? { pieceBytes: 997, rewrite: swell } : undefined) }),
    truth: { verdict: "passed", log: short.log },
  },
  ...[-10, 10].map(
    (minutes): JobFault => ({
      id: "F14",
      name: `the client's clock is ${minutes} min off`,
      ...short,
      wire: () => ({
        fault: () => ({ rewrite: (line) => shiftTimes(line, minutes) }),
        rewriteUrl: (url) => shiftSince(url, -minutes),
      }),
      truth: { verdict: "passed", log: short.log, check: ({ outputs }) => saneTimes(outputs) },
    }),
  ),
];

/** No node fits for some seconds, so that the wait has to be explained; then one does. */
async function labelNodeLate(scenes: readonly JobScene[]): Promise<void> {
  for (const scene of scenes) {
    const { cluster, namespace, undo } = scene;
    const { items } = await listObjects(cluster, nodes);
    const name = items[0]?.metadata?.name ?? "";
    const label = (value: string | null) =>
      patchObject(cluster, nodes, name, { patch: { metadata: { labels: { [`gpu-ci-faults/${namespace}`]: value } } } });
    await scene.podThat(({ status }) => status?.conditions?.some(({ reason }) => reason === "Unschedulable") ?? false);
    await sleep(2000);
    undo.defer(async () => void (await label(null)));
    await label("yes");
  }
}

async function onePodAlone(_run: JobRun, { cluster }: JobScene): Promise<string | undefined> {
  const fieldSelector = "involvedObject.kind=Job,reason=SuccessfulCreate";
  const { length } = (await listObjects(cluster, events, { fieldSelector })).items;
  return length === 1 ? undefined : `${length} pods ran`;
}

import type { ApiFault, ApiFaults } from "../support/api-proxy.ts";
import type { ApiQuestion } from "../support/api-question.ts";
import type { JobRun } from "./job-run.ts";
import type { JobScene } from "./job-scene.ts";

/** Whether it is a watch. */
export const isWatch = ({ verb }: ApiQuestion): boolean => verb === "watch";
/** Whether it is a pod's log. */
export const isLog = ({ resource }: ApiQuestion): boolean => resource === "pods/log";

/** Whether a Job is to be created. */
export function isJobPost({ verb, resource }: ApiQuestion): boolean {
  return verb === "create" && resource === "jobs.batch";
}

/** From the strike on, no watch goes on where it was: each is told once more that its version is too old. */
export function expiredWatch({ notes }: JobScene): { fault: ApiFaults } {
  let refusals = 0;
  return {
    fault: (request) =>
      isWatch(request) && notes.has("struck") && refusals++ < 3 ? { status: 410, reason: "Expired" } : undefined,
  };
}

/** After each change of a watch the first one comes again, as from a server that lags behind. */
export function replayFirst(): ApiFault {
  let first: string | undefined;
  return {
    rewrite: (line) => {
      const again = first === undefined ? "" : `\n${first.replace('"type":"ADDED"', '"type":"MODIFIED"')}`;
      if (!line.includes("BOOKMARK")) first ??= line;
      return `${line}${again}`;
    },
  };
}

/** The Job is refused twice, watch and log once, each with the time to wait. */
export function throttled(request: ApiQuestion, earlier: number): ApiFault | undefined {
  const isStruck = isJobPost(request) ? earlier < 2 : (isWatch(request) || isLog(request)) && earlier < 1;
  return isStruck ? { status: 429, reason: "TooManyRequests", headers: { "retry-after": "2" } } : undefined;
}

/** What is wrong with the times between the attempts to create the Job. */
export function waitedAsTold(_run: JobRun, { proxy }: JobScene): string | undefined {
  const posts = proxy?.requests.filter(isJobPost).map(({ atMs }) => atMs) ?? [];
  const waits = posts.slice(1).map((at, index) => at - (posts[index] ?? 0));
  return waits.length === 2 && waits.every((wait) => wait > 1950)
    ? undefined
    : `waits of ${waits.map(Math.round).join(", ")} ms`;
}

/** What is wrong with the number of watches and logs. */
export function tooMany({ proxy }: JobScene, limit: number): string | undefined {
  const count = proxy?.requests.filter((request) => isWatch(request) || isLog(request)).length ?? 0;
  return count <= limit ? undefined : `${count} watches and logs in 15 s`;
}

/** A watch line with fields that nobody knows, and a huge annotation. */
export function swell(line: string): string {
  const frame = JSON.parse(line) as { object: { metadata: { annotations?: object } } };
  const { metadata } = frame.object;
  const annotations = { ...metadata.annotations, "example.com/huge": "é".repeat(150_000) };
  return JSON.stringify({
    ...frame,
    newField: [null],
    object: { ...frame.object, metadata: { ...metadata, annotations }, unheard: { of: {} } },
  });
}

const time = /\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)((?:\.\d+)?Z)/g;

/** All times of a line, moved. */
export function shiftTimes(line: string, minutes: number): string {
  const shift = (_all: string, seconds: string, rest: string) =>
    new Date(Date.parse(`${seconds}Z`) + minutes * 60_000).toISOString().slice(0, 19) + rest;
  return line.replaceAll(time, shift);
}

/** The time from which a log is asked for, moved. */
export function shiftSince(url: string, minutes: number): string {
  return url.replace(/(?<=sinceTime=)[^&]+/, (value) =>
    encodeURIComponent(shiftTimes(decodeURIComponent(value), minutes)),
  );
}

/** What is wrong with the durations that were told. */
export function saneTimes(outputs: JobRun["outputs"]): string | undefined {
  if (outputs["run-ms"] === undefined) return undefined;
  const times = ["queue-ms", "pull-ms", "run-ms"].map((name) => Number(outputs[name]));
  const isSane = times.every((ms) => ms >= 0 && ms < 60_000) && (times[2] ?? 0) > 3000;
  return isSane ? undefined : `times of ${times.join(", ")} ms`;
}

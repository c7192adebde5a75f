import pLimit from "p-limit";
import { followPodLog } from "../../lib/kubernetes/pod-log.ts";
import { startKubernetesApi } from "../support/kubernetes-api.ts";
import { type CutSchedule, scheduleOf, serveLog, wholeLog } from "./cut-schedule.ts";

/** What became of a log under one schedule. */
export type LogOutcome =
  | "exact"
  /** Lines are missing, and that was said; nothing else is missing, and nothing came twice. */
  | "gap named"
  /** Bytes are missing, wrong or doubled, and nothing was said. */
  | "silent"
  /** Every byte came; after a rotation, or when the log could not be opened at first, that cannot be proven. */
  | "exact, unproven"
  /** Every byte came, and without any of that the log was called incomplete all the same. */
  | "false alarm"
  | "failed";

export interface LogResult {
  readonly seed: number;
  readonly outcome: LogOutcome;
  readonly bytes: number;
  readonly why: string;
}

/** How many logs there were of each outcome. */
export interface LogCounts {
  readonly schedules: number;
  /** Of all logs together. */
  readonly megabytes: number;
  readonly outcomes: Readonly<Partial<Record<LogOutcome, number>>>;
  /** Those that ended silent, failed, or with a false alarm. */
  readonly wrong: readonly LogResult[];
}

/** Counts the outcomes. */
export function countOutcomes(results: readonly LogResult[]): LogCounts {
  const outcomes: Partial<Record<LogOutcome, number>> = {};
  for (const { outcome } of results) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const megabytes = Math.round(results.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6);
  const wrong = results.filter(
    ({ outcome }) => outcome === "silent" || outcome === "failed" || outcome === "false alarm",
  );
  return { schedules: results.length, megabytes, outcomes, wrong };
}

/** Follows one log for each seed from 1 on, so many at a time. */
export async function followUnderCuts(seeds: number, parallel: number): Promise<readonly LogResult[]> {
  const limit = pLimit(parallel);
  return await Promise.all(Array.from({ length: seeds }, (_, at) => limit(() => followSchedule(scheduleOf(at + 1)))));
}

/** Follows the log of one schedule over a server that obeys it. */
export async function followSchedule({ seed, lines, cuts, rotation }: CutSchedule): Promise<LogResult> {
  let connections = 0;
  await using api = await startKubernetesApi((call, reply) => {
    const at = connections++;
    const isRotated = rotation !== undefined && at > rotation.afterConnection;
    const served = isRotated ? lines.slice(rotation.firstLine) : lines;
    const cut = cuts[at];
    if (typeof cut?.how === "number") return reply.refuse(cut.how, "Injected", "injected", { "retry-after": "0" });
    const all = serveLog(served, call.query.get("sinceTime"));
    const bytes = all.subarray(0, Number(call.query.get("limitBytes") ?? all.length));
    if (cut === undefined) {
      reply.write(bytes);
      return reply.end();
    }
    reply.write(bytes.subarray(0, cut.bytes));
    setTimeout(cut.how === "end" ? reply.end : reply.cut, 2);
  });
  const cluster = await api.connect();
  const ended = () => connections >= cuts.length;
  const signal = AbortSignal.timeout(600_000);
  const follower = followPodLog(cluster, { pod: "p", container: "c", signal, ended });
  const parts: Uint8Array[] = [];
  try {
    for await (const part of follower) parts.push(part);
  } catch (error) {
    return { seed, outcome: "failed", bytes: 0, why: String(error) };
  } finally {
    cluster.close();
  }
  const got = Buffer.concat(parts);
  const isProvable = rotation === undefined && !/could not be opened at first/.test(follower.gap() ?? "");
  const outcome = judge(got, wholeLog(lines), follower.gap(), isProvable);
  return { seed, outcome, bytes: got.length, why: follower.gap() ?? "" };
}

function judge(got: Buffer, whole: Buffer, gap: string | undefined, isProvable: boolean): LogOutcome {
  if (got.equals(whole) && gap !== undefined) return isProvable ? "false alarm" : "exact, unproven";
  if (got.equals(whole)) return "exact";
  if (gap === undefined) return "silent";
  return isWithoutOnePiece(got, whole) ? "gap named" : "silent";
}

/** Whether the first is the second with one piece of it cut out, a line that was cut being ended by a newline. */
function isWithoutOnePiece(got: Buffer, whole: Buffer): boolean {
  let head = 0;
  while (head < got.length && got[head] === whole[head]) head++;
  let tail = 0;
  while (tail < got.length - head && got.at(-1 - tail) === whole.at(-1 - tail)) tail++;
  const rest = got.length - head - tail;
  return got.length < whole.length && (rest === 0 || (rest === 1 && got[head] === 0x0a));
}

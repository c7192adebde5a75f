import { formatDuration } from "../duration.ts";
import { processAnnotation, processState } from "./run-process.ts";

/** What a test leaves behind when whoever ran it was killed. */
export interface Leftover {
  readonly place: "kubernetes" | "podman" | "docker";
  /** Empty outside of a cluster, and for what is in no namespace. */
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  /** Value of the label gpu-ci/run. */
  readonly run: string;
  readonly createdAt: Date | undefined;
  /** Whether its run is over for certain. */
  readonly isOver: boolean;
  /** Why it is, or why that is not known. */
  readonly why: string;
  remove(): Promise<void>;
}

type Annotations = Readonly<Record<string, string | undefined>>;

/** Whether a run is over. */
export type RunEnd = Pick<Leftover, "isOver" | "why">;

/**
 * Judges whether the run behind some objects is over, by the annotations of all of them: the process that follows it lives no more, or its
 * time has passed and no such process is known to live. What says neither is left alone.
 */
export async function judgeRun(objects: readonly Annotations[], now: Date): Promise<RunEnd> {
  const processes = [...new Set(objects.flatMap((annotations) => annotations[processAnnotation] ?? []))];
  const states = await Promise.all(processes.map(async (process) => ({ process, state: await processState(process) })));
  const alive = states.find(({ state }) => state === "alive");
  if (alive) return { isOver: false, why: `followed by process ${pidOf(alive.process)}` };
  const [first] = states;
  if (first && states.every(({ state }) => state === "gone"))
    return { isOver: true, why: `process ${pidOf(first.process)} is gone` };
  const expires = objects.map((annotations) => Date.parse(annotations["gpu-ci/expires"] ?? "")).filter(Number.isFinite);
  if (expires.length === 0) return { isOver: false, why: "has no time of expiry" };
  const leftMs = Math.max(...expires) - now.getTime();
  if (leftMs < 0) return { isOver: true, why: `expired ${formatDuration(-leftMs)} ago` };
  return { isOver: false, why: `may run for ${formatDuration(leftMs)} more` };
}

function pidOf(process: string): string {
  return process.split("/")[2] ?? "";
}

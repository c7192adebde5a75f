import { CancelledError, DomainError } from "../error.ts";
import { type Reason, reasons } from "../report/conclusion.ts";
import type { Termination } from "./test-pod.ts";

/** The termination that an error of an engine stands for; undefined when it is none of lib/report's reasons, but a mistake elsewhere. */
export function terminationOf(error: unknown): Termination | undefined {
  if (error instanceof CancelledError) return withoutEnd("cancelled", error.message);
  if (!(error instanceof DomainError) || !isReason(error.code)) return undefined;
  return withoutEnd(error.code, [error.message, error.hint].filter(Boolean).join("\n"));
}

function withoutEnd(reason: Reason, detail: string): Termination {
  return { exitCode: undefined, reason, detail, node: undefined, gpus: [], queueMs: 0, pullMs: 0, runMs: 0 };
}

function isReason(code: string): code is Reason {
  return Object.hasOwn(reasons, code);
}

import { deadline } from "../../lib/abort.ts";
import type { Exec } from "../../lib/exec.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { type Finding, problem, type Subject } from "./finding.ts";
import { firstLines } from "./first-lines.ts";

/** What every look at the world may use. */
export interface Examination {
  /** Starts programs; each is ended when its look has taken too long. */
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => Date;
  /** Where the machine's files are: `/`, but for tests. */
  readonly root: string;
  /** How long one look may take, in milliseconds. */
  readonly lookMs: number;
}

/** Starts programs for a limited time: one that hangs, as docker without its daemon may, is ended. */
export function execWithin(exec: Exec, lookMs: number): Exec {
  return (command, args, options = {}) => exec(command, args, { signal: AbortSignal.timeout(lookMs), ...options });
}

/**
 * Takes one look with a deadline of its own. What it could not see for lack of a right, or in time, becomes a finding instead of an error:
 * a doctor who stops at the first closed door is of no use.
 */
export async function look(
  { lookMs }: Pick<Examination, "lookMs">,
  subject: Subject,
  see: (signal: AbortSignal) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  using limit = deadline(`Looking at ${subject.topic}`, lookMs);
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {});
  const { signal } = limit;
  signal.addEventListener("abort", () => late.reject(signal.reason), { once: true });
  try {
    return await Promise.race([see(signal), late.promise]);
  } catch (error) {
    return [unseen(subject, error)];
  }
}

function unseen(subject: Subject, error: unknown): Finding {
  const [found, hint] = firstLines(error);
  if (isStatus(error, 403)) {
    return problem(subject, "absent", {
      code: "not-allowed-to-look",
      found,
      cause: "this account may not look there, so nobody knows",
      remedy: "Run doctor as an administrator of the cluster, or bind the ClusterRole gpu-ci-observer to the account.",
    });
  }
  const remedy = hint ?? "Try again; where it stays so, look at that part of the machine by hand.";
  return problem(subject, "limited", { code: "look-failed", found, remedy });
}

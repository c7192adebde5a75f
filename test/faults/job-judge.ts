import { setTimeout as sleep } from "node:timers/promises";
import type { Truth } from "./job-fault.ts";
import type { JobRun } from "./job-run.ts";
import type { JobScene } from "./job-scene.ts";

/** `survived` is the wanted end, or the precise refusal; everything else is a failure of its own kind. */
export const outcomes = [
  "survived",
  "not injected",
  "false green",
  "false proof",
  "false red",
  "hang",
  "log lost",
  "unclear",
  "leftovers",
  "failed",
] as const;
export type Outcome = (typeof outcomes)[number];

/** An outcome, and what was seen. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly why: string;
}

const collectMs = 10_000;
const survived: Verdict = { outcome: "survived", why: "" };

/** Judges how a tool ended by what is true. A script of kubectl has only one code for everything that is not green. */
export async function judgeJob(run: JobRun, truth: Truth, scene: JobScene): Promise<Verdict> {
  const wrong = judgeEnd(run, truth, scene.tool) ?? judgeLog(run, truth);
  if (wrong) return wrong;
  if (truth.says && !truth.says.test(run.output)) return { outcome: "unclear", why: `nothing said like ${truth.says}` };
  const left = truth.keepsJob ? [] : await leftoversOf(scene);
  if (left.length > 0) return { outcome: "leftovers", why: left.join(", ") };
  const why = await truth.check?.(run, scene);
  return why === undefined ? survived : { outcome: "failed", why };
}

/** What is left when the cluster has had time to collect what was deleted. */
async function leftoversOf(scene: JobScene): Promise<readonly string[]> {
  for (const until = performance.now() + collectMs; ; await sleep(200)) {
    const left = await scene.leftovers();
    if (left.length === 0 || performance.now() > until) return left;
  }
}

// A process that was killed has the code of its signal.
const exitCodes = { passed: [0], failed: [1], infrastructure: [3], cancelled: [130, 143, 137, 134] } as const;

function judgeEnd({ exitCode }: JobRun, { verdict }: Truth, tool: JobScene["tool"]): Verdict | undefined {
  const why = `exit ${exitCode} of a test that ${verdict === "infrastructure" ? "had no end of its own" : `was ${verdict}`}`;
  if (exitCode === undefined) return { outcome: "hang", why: "it still ran at the limit" };
  if (exitCode === 0) return verdict === "passed" ? undefined : { outcome: "false green", why };
  if (verdict === "passed") return { outcome: "false red", why };
  const isRight = tool === "kubectl" || exitCodes[verdict].some((code) => code === exitCode);
  return isRight ? undefined : { outcome: "failed", why };
}

function judgeLog({ log, outputs, output }: JobRun, { log: expected, mayLack }: Truth): Verdict | undefined {
  if (expected === undefined) return undefined;
  if (expected instanceof RegExp)
    return expected.test(String(log)) ? undefined : { outcome: "log lost", why: `nothing like ${expected} in it` };
  const whole = Buffer.from(expected);
  if (log?.equals(whole)) return undefined;
  const why = `${log?.length ?? "no"} bytes of a log of ${whole.length}`;
  if (outputs["log-complete"] === "true") return { outcome: "false proof", why };
  const isNamed = outputs["log-complete"] === "false" && /The log is not complete: .+/.test(output);
  return mayLack && isNamed ? undefined : { outcome: "log lost", why };
}

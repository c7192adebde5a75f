import type { Finding } from "./finding.ts";
import { firstLines } from "./first-lines.ts";

/** Puts right what is ours to put right, one after the other, and gives all findings as they are then. */
export async function fixFindings(findings: readonly Finding[]): Promise<readonly Finding[]> {
  const after: Finding[] = [];
  for (const finding of findings) after.push(finding.fix === undefined ? finding : await fixed(finding, finding.fix));
  return after;
}

async function fixed(finding: Finding, fix: () => Promise<string>): Promise<Finding> {
  const { group, topic } = finding;
  try {
    const found = await fix();
    return { group, topic, state: "ok", code: undefined, found, cause: undefined, remedy: undefined, isFixed: true };
  } catch (error) {
    const [why, hint] = firstLines(error);
    return { ...finding, cause: `could not be removed: ${why}`, remedy: hint ?? finding.remedy };
  }
}

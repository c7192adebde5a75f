import { styleText } from "node:util";
import { type Finding, type FindingGroup, findingGroups } from "./finding.ts";

const marks = { ok: ["green", "✓"], limited: ["yellow", "!"], missing: ["red", "✗"], absent: ["dim", "–"] } as const;

const titles: Readonly<Record<FindingGroup, string>> = {
  host: "Host",
  builder: "Builder",
  engine: "Engine",
  cluster: "Cluster",
  gpus: "GPUs",
  registry: "Registry",
  runners: "Runners",
  leftovers: "Leftovers",
};

/** Findings for people: a heading for each group, one line for each finding, and below it what to do. `stream` decides about colours. */
export function formatFindings(findings: readonly Finding[], stream: NodeJS.WritableStream): string {
  const column = Math.max(0, ...findings.map(({ topic }) => topic.length)) + 2;
  const blocks = findingGroups.flatMap((group) => {
    const own = findings.filter((finding) => finding.group === group);
    if (own.length === 0) return [];
    const lines = own.flatMap((finding) => formatFinding(finding, column, stream));
    return [[styleText("bold", titles[group], { stream }), ...lines].join("\n")];
  });
  return `${blocks.join("\n\n")}\n\n${verdict(findings)}\n`;
}

/** Findings for programs: `schema` changes when a field changes its meaning or goes. */
export function findingsDocument(findings: readonly Finding[]): object {
  return {
    schema: 1,
    ready: isReady(findings),
    findings: findings.map(({ group, topic, state, code, found, cause, remedy, isFixed }) => ({
      group,
      topic,
      state,
      code: code ?? null,
      found,
      cause: cause ?? null,
      remedy: remedy ?? null,
      fixed: isFixed === true,
    })),
  };
}

/** Whether nothing is missing that the pipeline needs. */
export function isReady(findings: readonly Finding[]): boolean {
  return findings.every(({ state }) => state !== "missing");
}

function formatFinding(
  { topic, state, found, cause, remedy }: Finding,
  column: number,
  stream: NodeJS.WritableStream,
): string[] {
  const [color, mark] = marks[state];
  const what = cause === undefined ? found : `${found}: ${cause}`;
  const line = `  ${styleText(color, mark, { stream })} ${topic.padEnd(column)}${what}`;
  return remedy === undefined ? [line] : [line, `    ${" ".repeat(column)}→ ${remedy}`];
}

function verdict(findings: readonly Finding[]): string {
  const topics = (state: Finding["state"]) => [
    ...new Set(findings.filter((finding) => finding.state === state).map(({ topic }) => topic)),
  ];
  const missing = topics("missing");
  if (missing.length > 0) return `The pipeline cannot run here yet: ${missing.join(", ")}.`;
  const limited = topics("limited");
  return limited.length === 0
    ? "The pipeline can run here."
    : `The pipeline can run here; look at: ${limited.join(", ")}.`;
}

import * as v from "valibot";
import { type Conclusion, type Reason, reasons } from "./conclusion.ts";
import { markFlaky } from "./flaky.ts";
import { judge } from "./judge.ts";
import { isFailed, type TestCase, type TestSuite } from "./test-suite.ts";

const reasonWords = Object.keys(reasons) as [Reason, ...Reason[]];
const conclusionWords = [
  "success",
  "failure",
  "timed-out",
  "usage",
  "infrastructure",
  "cancelled",
] as const satisfies readonly Conclusion[];

const caseSchema = v.object({
  suite: v.string(),
  className: v.string(),
  name: v.string(),
  outcome: v.picklist(["passed", "failed", "errored", "skipped"]),
  durationMs: v.number(),
  message: v.string(),
  text: v.string(),
  file: v.nullable(v.string()),
  line: v.nullable(v.number()),
  gpu: v.boolean(),
  /** It failed first and passed when it was tried again. */
  flaky: v.optional(v.boolean()),
});

const gpuSchema = v.object({
  product: v.string(),
  uuid: v.string(),
  driver: v.string(),
  memory: v.string(),
  /** Looks at it at even distances from the start of the test to its end; null is what it did not tell. */
  load: v.optional(v.array(v.object({ usedPercent: v.nullable(v.number()), memoryMib: v.nullable(v.number()) }))),
});

const deltaSchema = v.object({
  /** When the run that is compared with began, how it ended, and how long it ran. */
  startedAt: v.string(),
  conclusion: v.picklist(conclusionWords),
  runMs: v.number(),
  /** Titles of cases that failed now and not then, and that passed now and failed then. */
  broken: v.array(v.string()),
  fixed: v.array(v.string()),
  added: v.number(),
  gone: v.number(),
  slower: v.array(v.object({ title: v.string(), beforeMs: v.number(), durationMs: v.number() })),
});

const shardSchema = v.object({
  conclusion: v.picklist(conclusionWords),
  reason: v.picklist(reasonWords),
  detail: v.string(),
  exitCode: v.nullable(v.number()),
  podName: v.nullable(v.string()),
  node: v.nullable(v.string()),
  passed: v.number(),
  failed: v.number(),
  skipped: v.number(),
  queueMs: v.number(),
  pullMs: v.number(),
  runMs: v.number(),
  logComplete: v.boolean(),
});

const attemptSchema = v.object({
  jobName: v.string(),
  podName: v.nullable(v.string()),
  node: v.nullable(v.string()),
  reason: v.picklist(reasonWords),
  detail: v.string(),
  startedAt: v.string(),
  runMs: v.number(),
});

const reportSchema = v.object({
  schema: v.literal(1),
  conclusion: v.picklist(conclusionWords),
  reason: v.picklist(reasonWords),
  detail: v.string(),
  retryable: v.boolean(),
  /** The container's own exit code; null when none was reported. */
  exitCode: v.nullable(v.number()),
  passed: v.number(),
  failed: v.number(),
  skipped: v.number(),
  engine: v.picklist(["kubernetes", "podman", "docker"]),
  image: v.string(),
  jobName: v.string(),
  podName: v.nullable(v.string()),
  node: v.nullable(v.string()),
  /** GPUs that the test saw. */
  gpus: v.array(gpuSchema),
  gpusRequired: v.number(),
  /** RFC 3339, UTC. */
  startedAt: v.string(),
  queueMs: v.number(),
  pullMs: v.number(),
  runMs: v.number(),
  logComplete: v.boolean(),
  cases: v.array(caseSchema),
  /** Of a test in several shards: how each ended, in the order of their indexes. */
  shards: v.optional(v.array(shardSchema)),
  /** Attempts before this one, each ended by a disruption. */
  attempts: v.optional(v.array(attemptSchema)),
  /** What changed since the last run, where its report is known. */
  delta: v.optional(deltaSchema),
});

/** Everything known about one run, as report.json has it. */
export type Report = v.InferOutput<typeof reportSchema>;

/** A case within a report: that of lib/report/test-suite.ts with null where JSON has no undefined. */
export type ReportCase = Report["cases"][number];

/** A GPU as an engine saw it. */
type SeenGpu = Omit<Report["gpus"][number], "load"> & {
  readonly load?: readonly NonNullable<Report["gpus"][number]["load"]>[number][];
};

/** What a report is made from. */
export interface ReportOptions {
  /** How the container ended; an engine's Termination fits. */
  readonly termination: {
    readonly exitCode: number | undefined;
    readonly reason: Reason;
    readonly detail: string;
    readonly node: string | undefined;
    readonly gpus: readonly SeenGpu[];
    readonly queueMs: number;
    readonly pullMs: number;
    readonly runMs: number;
  };
  readonly suites: readonly TestSuite[];
  readonly resultsWanted: boolean;
  readonly gpusRequired: number;
  readonly engine: Report["engine"];
  readonly image: string;
  readonly jobName: string;
  readonly podName: string | undefined;
  readonly startedAt: Date;
  readonly logComplete: boolean;
  /** Replaces secrets in every text that came from the test; default leaves texts as they are. */
  readonly mask?: (text: string) => string;
}

/** Judges the run and puts everything known about it into one report. */
export function createReport(options: ReportOptions): Report {
  const { termination, mask = (text) => text } = options;
  const cases = markFlaky(
    options.suites.flatMap((suite) => suite.cases.map((testCase) => toReportCase(testCase, mask))),
  );
  const verdict = judge(options);
  return {
    schema: 1,
    ...verdict,
    detail: mask(verdict.detail),
    exitCode: termination.exitCode ?? null,
    passed: cases.filter((testCase) => testCase.outcome === "passed").length,
    failed: cases.filter(isFailed).length,
    skipped: cases.filter((testCase) => testCase.outcome === "skipped").length,
    engine: options.engine,
    image: options.image,
    jobName: options.jobName,
    podName: options.podName ?? null,
    node: termination.node ?? null,
    gpus: termination.gpus.map(({ load, ...gpu }) => (load ? { ...gpu, load: [...load] } : gpu)),
    gpusRequired: options.gpusRequired,
    startedAt: options.startedAt.toISOString(),
    queueMs: termination.queueMs,
    pullMs: termination.pullMs,
    runMs: termination.runMs,
    logComplete: options.logComplete,
    cases,
  };
}

function toReportCase(testCase: TestCase, mask: (text: string) => string): ReportCase {
  return {
    ...testCase,
    suite: mask(testCase.suite),
    className: mask(testCase.className),
    name: mask(testCase.name),
    message: mask(testCase.message),
    text: mask(testCase.text),
    file: testCase.file ?? null,
    line: testCase.line ?? null,
  };
}

/** The text of report.json. */
export function formatReport(report: Report): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

/** Reads report.json; undefined when the text is not a report of this schema. */
export function parseReport(text: string): Report | undefined {
  try {
    const parsed = v.safeParse(reportSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

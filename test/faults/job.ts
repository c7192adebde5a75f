// What a test in a cluster survives, ours beside a script of kubectl: npm run test:faults [-- --part rows,stopping,cancel,log --only TEXT]; see README.md
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { circumstances, readResult, writeResult } from "./fault-table.ts";
import { cancelEverywhere } from "./job-cancel.ts";
import { jobFaults } from "./job-faults.ts";
import { type JobResult, mergeRows, missedBars, printResult } from "./job-result.ts";
import { runRows } from "./job-rows.ts";
import { jobTools } from "./job-tools.ts";
import { countOutcomes, followUnderCuts } from "./log-cuts.ts";

const parts = ["rows", "stopping", "cancel", "log"] as const;
const { values } = parseArgs({
  options: {
    part: { type: "string", default: parts.join(",") },
    only: { type: "string", default: "" },
    tool: { type: "string", default: "" },
    seeds: { type: "string", default: "1000" },
    points: { type: "string", default: "200" },
    parallel: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const { REGISTRY, KUBECONFIG } = process.env;
if (!KUBECONFIG || !REGISTRY) throw new Error("Set KUBECONFIG and REGISTRY to a test cluster and its registry.");
const image = await pushBusyboxImage({ registry: REGISTRY, repository: "faults/busybox" });
const wantedParts = values.part.split(",");
// Most rows wait for something; what is cancelled is timed, and has a core to itself.
const parallel = { rows: Number(values.parallel ?? 8), cancel: Number(values.parallel ?? availableParallelism()) };
const file = values.only === "" ? "job.json" : undefined;
// A part that is not run now keeps the result that it had.
let result: JobResult = file ? readResult<JobResult>(file) : {};

for (const part of parts) {
  if (wantedParts.includes(part) && (values.only === "" || part === "rows" || part === "stopping")) await run(part);
}
printResult(result);
const missed = missedBars(result, values.only === "");
for (const bar of missed) console.log(`missed: ${bar}`);
process.exitCode = missed.length > 0 ? 1 : 0;

async function run(part: (typeof parts)[number]): Promise<void> {
  const startedAt = new Date();
  const found = await find(part);
  const when = { ...result.when, [values.tool === "" ? part : `${part}, ${values.tool}`]: circumstances(startedAt) };
  result = { ...result, ...found, when };
  if (file) writeResult(file, result);
}

async function find(part: (typeof parts)[number]): Promise<JobResult> {
  if (part === "log") return { log: countOutcomes(await followUnderCuts(Number(values.seeds), 200)) };
  if (part === "cancel")
    return { cancel: await cancelEverywhere({ points: Number(values.points), parallel: parallel.cancel, image }) };
  const tools = (await jobTools()).filter(({ name }) => name.includes(values.tool));
  const words = values.only.split(",");
  const faults = jobFaults
    .filter(({ stopsPart = false }) => stopsPart === (part === "stopping"))
    .filter(({ id, name }) => words.some((word) => `${id} ${name}`.includes(word)));
  // What stops a part of the cluster is seen by all: one at a time.
  const atOnce = part === "stopping" ? 1 : parallel.rows;
  const rows = await runRows(faults, { tools, image, parallel: atOnce, isVerbose: values.verbose });
  const versions = Object.fromEntries(tools.map(({ name, version }) => [name, version]));
  return { versions: { ...result.versions, ...versions }, rows: mergeRows(result.rows ?? [], rows) };
}

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "../../lib/exec.ts";
import { type JobFault, talking } from "./job-fault.ts";
import { type JobRun, launch } from "./job-run.ts";
import type { JobScene } from "./job-scene.ts";
import { jobTools } from "./job-tools.ts";

const short = talking(20, 0.2);
const limitMs = 60_000;
const unwritable = "/proc/unwritable";

/** F81 to F85: what happens to the runner. */
export const jobHostFaults: readonly JobFault[] = [
  {
    id: "F81",
    name: "SIGTERM alone",
    command: "sleep 3600",
    strike: signalRunning("SIGTERM"),
    truth: { verdict: "cancelled", check: (_run, { notes }) => endedInTime(Number(notes.get("signalled"))) },
  },
  {
    id: "F81",
    name: "SIGKILL at once, then the post step",
    command: "sleep 3600",
    strike: signalRunning("SIGKILL"),
    truth: { verdict: "cancelled" },
  },
  {
    id: "F82",
    name: "runner killed without a post step, the run again",
    ...short,
    strike: signalRunning("SIGKILL"),
    after: runAgain,
    truth: { verdict: "cancelled", check: (_run, { notes }) => notes.get("second") },
  },
  ...[12, 20].map(
    (megabytes): JobFault => ({
      id: "F83",
      name: `no memory for the action beyond a heap of ${megabytes} MB`,
      oursAlone: true,
      ...short,
      env: { NODE_OPTIONS: `--max-old-space-size=${megabytes}` },
      truth: { verdict: "cancelled" },
    }),
  ),
  {
    id: "F84",
    name: "outputs and summary cannot be written; passed",
    oursAlone: true,
    ...short,
    env: { GITHUB_OUTPUT: unwritable, GITHUB_STEP_SUMMARY: unwritable },
    truth: { verdict: "passed", says: /could not be written/ },
  },
  {
    id: "F84",
    name: "outputs and summary cannot be written; failed",
    oursAlone: true,
    command: "exit 5",
    env: { GITHUB_OUTPUT: unwritable, GITHUB_STEP_SUMMARY: unwritable },
    truth: { verdict: "failed", says: /exit code 5[\s\S]*could not be written/ },
  },
  ...(["passed", "failed"] as const).map(
    (verdict): JobFault => ({
      id: "F84",
      name: `the runner's disk is full; ${verdict}`,
      command: `seq 500000; sleep 2; exit ${verdict === "passed" ? 0 : 5}`,
      oursAlone: true,
      before: fillDisk,
      inputs: ({ folder }) => ({ "working-directory": join(folder, "disk") }),
      truth: { verdict, says: /no space left|ENOSPC/i, check: ({ outputs }) => saysIncomplete(outputs) },
    }),
  ),
  {
    id: "F85",
    name: "two runs in one workspace",
    oursAlone: true,
    ...short,
    strike: runBeside,
    truth: { verdict: "passed", log: short.log, check: (_run, { notes }) => notes.get("second") },
  },
];

function signalRunning(signal: NodeJS.Signals) {
  return async (scenes: readonly JobScene[]) => {
    for (const scene of scenes) {
      await scene.running();
      await sleep(500);
      scene.notes.set("signalled", String(performance.now()));
      scene.process?.child.kill(signal);
    }
  };
}

function endedInTime(signalledMs: number): string | undefined {
  const tookMs = performance.now() - signalledMs;
  return tookMs < 10_000 ? undefined : `it took ${Math.round(tookMs)} ms`;
}

async function runAgain(scene: JobScene): Promise<void> {
  const tool = (await jobTools()).find(({ name }) => name === scene.tool);
  if (!tool || !scene.order) return;
  const { exitCode, log } = await launch(await tool.prepare(scene.order), limitMs).ended;
  if (exitCode !== 0 || String(log) !== short.log) scene.notes.set("second", `the second run ended with ${exitCode}`);
}

/** Another run of the same action in the same working directory, at the same time. */
async function runBeside([scene]: readonly JobScene[]): Promise<void> {
  const [tool] = await jobTools();
  if (!tool || !scene?.order) return;
  const folder = join(scene.folder, "beside");
  await mkdir(folder);
  const inputs = { "working-directory": scene.folder };
  const order = { ...scene.order, folder, inputs, runId: `${scene.runId}b`, command: "echo beside; exit 9" };
  const { exitCode, log } = await launch(await tool.prepare(order), limitMs).ended;
  const isRight = exitCode === 1 && String(log) === "beside\n";
  if (!isRight) scene.notes.set("second", `the other run ended with ${exitCode}`);
}

async function fillDisk({ folder, undo }: JobScene): Promise<void> {
  const disk = join(folder, "disk");
  await mkdir(disk);
  await exec("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
  undo.defer(async () => void (await exec("umount", [disk])));
}

function saysIncomplete(outputs: JobRun["outputs"]): string | undefined {
  return outputs["log-complete"] === "false" ? undefined : "a log that was not written is called complete";
}

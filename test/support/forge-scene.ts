import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AwaitedRun,
  callForge,
  type Forge,
  type ForgeJob,
  type ForgeRun,
  finishedRun,
  jobsOf,
  logOf,
  startForge,
} from "./forge.ts";
import { createTestNamespace, type TestNamespace } from "./test-namespace.ts";

/** What a test of runs on the forge needs: the forge, a namespace of the cluster for their Jobs, and an empty folder. */
export interface ForgeScene extends AsyncDisposable {
  readonly forge: Forge;
  readonly namespace: TestNamespace;
  readonly folder: string;
}

/** Makes a scene; `name` tells its namespace and folder from those of other test files. Dispose it to remove both. */
export async function openForgeScene(name: string): Promise<ForgeScene> {
  const forge = await startForge();
  const namespace = await createTestNamespace(`gpu-ci-${name}`);
  const folder = mkdtempSync(join(tmpdir(), `gpu-ci-${name}-`));
  return {
    forge,
    namespace,
    folder,
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true });
      await namespace[Symbol.asyncDispose]();
    },
  };
}

/** A run that has ended. */
export interface EndedRun {
  readonly run: ForgeRun;
  readonly jobs: readonly ForgeJob[];
  /** Of all its jobs. */
  readonly log: string;
}

/** Waits for the newest run of a workflow file and reads its jobs and log. */
export async function endedRun(forge: Forge, repository: string, awaited: AwaitedRun): Promise<EndedRun> {
  const run = await finishedRun(forge, repository, awaited);
  const jobs = await jobsOf(forge, repository, run);
  const logs = await Promise.all(jobs.map((job) => logOf(forge, repository, job)));
  return { run, jobs, log: logs.join("\n") };
}

/** Presses the button of a workflow on main; gives the number of the run. */
export async function dispatchRun(
  forge: Forge,
  repository: string,
  { workflow, inputs = {} }: { readonly workflow: string; readonly inputs?: Readonly<Record<string, string>> },
): Promise<number> {
  const path = `/repos/${repository}/actions/workflows/${workflow}/dispatches?return_run_details=true`;
  const { workflow_run_id } = await callForge<{ workflow_run_id: number }>(forge, "POST", path, {
    ref: "main",
    inputs,
  });
  return workflow_run_id;
}

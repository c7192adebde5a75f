import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { readLastReport } from "../../../../actions/run-k8s-gpu-test/last-report.ts";
import { createReport, formatReport } from "../../../../lib/report/report.ts";
import { createTestHost } from "../../../support/test-host.ts";

const termination = {
  exitCode: 0,
  reason: "passed",
  detail: "The command ended with exit code 0.",
  node: "node-1",
  gpus: [],
  queueMs: 1,
  pullMs: 2,
  runMs: 3,
} as const;

function reportOf(jobName: string): string {
  const base = { suites: [], resultsWanted: false, gpusRequired: 0, engine: "podman", image: "app", logComplete: true };
  const run = { jobName, podName: undefined, startedAt: new Date(0) };
  return formatReport(createReport({ ...base, ...run, engine: "podman", termination }));
}

function place(file: string, text: string, seconds: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  utimesSync(file, seconds, seconds);
}

describe("readLastReport", () => {
  it("takes the newest report below a folder", async () => {
    await using host = createTestHost();
    place(join(host.tempDirectory, "gpu-ci-results/b/report.json"), reportOf("newer"), 2000);
    place(join(host.tempDirectory, "gpu-ci-results/c/report.json"), reportOf("older"), 1000);
    const inputs = { lastReport: "gpu-ci-results", workingDirectory: host.tempDirectory };
    expect((await readLastReport(inputs, host))?.jobName).toBe("newer");
    expect(host.lines).toEqual([]);
  });

  it("has none in a folder that is absent, and says so of a file that is", async () => {
    await using host = createTestHost();
    const workingDirectory = host.tempDirectory;
    expect(await readLastReport({ lastReport: undefined, workingDirectory }, host)).toBeUndefined();
    expect(await readLastReport({ lastReport: "gpu-ci-results", workingDirectory }, host)).toBeUndefined();
    expect(host.lines).toEqual([]);
    expect(await readLastReport({ lastReport: "last.json", workingDirectory }, host)).toBeUndefined();
    expect(host.lines).toEqual([expect.stringMatching(/^The last report was not read: ENOENT/)]);
  });

  it("warns of a file that is no report, and goes on", async () => {
    await using host = createTestHost();
    const file = join(host.tempDirectory, "last.json");
    place(file, '{"schema": 1}', 1000);
    expect(await readLastReport({ lastReport: file, workingDirectory: host.tempDirectory }, host)).toBeUndefined();
    expect(host.lines).toEqual([`warning: ${file} is no report of a run and is not compared with.`]);
  });
});

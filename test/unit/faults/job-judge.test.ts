import { describe, expect, it } from "vitest";
import type { Truth } from "../../faults/job-fault.ts";
import { judgeJob } from "../../faults/job-judge.ts";
import type { JobRun } from "../../faults/job-run.ts";
import type { JobScene } from "../../faults/job-scene.ts";

const run: JobRun = {
  exitCode: 0,
  stdout: "",
  output: "all said",
  log: Buffer.from("hi\n"),
  outputs: {},
  state: {},
  durationMs: 1,
  peakBytes: 1,
};
const sceneOf = (tool: JobScene["tool"]) => ({ tool, leftovers: async () => [] }) as unknown as JobScene;

describe("a tool's end under a fault", () => {
  it.each<[string, Partial<JobRun>, Truth, JobScene["tool"], string]>([
    ["is right", {}, { verdict: "passed", log: "hi\n", says: /said/ }, "gpu-ci", "survived"],
    ["is green though the test failed", {}, { verdict: "failed" }, "gpu-ci", "false green"],
    ["is green though the test never ended", {}, { verdict: "infrastructure" }, "kubectl", "false green"],
    ["is red though the test passed", { exitCode: 3 }, { verdict: "passed" }, "gpu-ci", "false red"],
    ["blames the test for the cluster", { exitCode: 1 }, { verdict: "infrastructure" }, "gpu-ci", "failed"],
    ["has but one code for everything", { exitCode: 1 }, { verdict: "infrastructure" }, "kubectl", "survived"],
    ["never comes", { exitCode: undefined }, { verdict: "failed" }, "gpu-ci", "hang"],
    ["does not say why", { exitCode: 3 }, { verdict: "infrastructure", says: /quota/ }, "gpu-ci", "unclear"],
    ["lacks a byte", { log: Buffer.from("hi") }, { verdict: "passed", log: "hi\n" }, "gpu-ci", "log lost"],
    [
      "calls a log whole that is not",
      { log: Buffer.from("hi"), outputs: { "log-complete": "true" } },
      { verdict: "passed", log: "hi\n", mayLack: true },
      "gpu-ci",
      "false proof",
    ],
    [
      "names the gap where there may be one",
      { log: Buffer.from("h"), outputs: { "log-complete": "false" }, output: "The log is not complete: rotated" },
      { verdict: "passed", log: "hi\n", mayLack: true },
      "gpu-ci",
      "survived",
    ],
  ])("%s", async (_name, change, truth, tool, outcome) => {
    expect((await judgeJob({ ...run, ...change }, truth, sceneOf(tool))).outcome).toBe(outcome);
  });
});

import { expect, it } from "vitest";
import { type Outputs, writeVerdict } from "../../../../actions/run-k8s-gpu-test/outputs.ts";
import { silentLog } from "../../../../lib/log.ts";

it("outputs that cannot be written cost a warning, and never the test's exit code", () => {
  const warnings: string[] = [];
  const output = () => {
    throw new Error("no space left on device");
  };
  const log = { ...silentLog, warning: (line: string) => warnings.push(line) };
  const outputs = { stepExitCode: 1 } as Outputs;
  expect(writeVerdict({ output, log }, outputs)).toBe(1);
  expect(warnings).toEqual(["The outputs could not be written: no space left on device"]);
});

import { expect, it } from "vitest";
import { judgeTest } from "../../../../actions/run-k8s-gpu-test/judge-test.ts";
import { silentLog } from "../../../../lib/log.ts";
import { testPodOf } from "../../../support/test-pod.ts";

it("a test is judged also when its report cannot be written", async () => {
  const folder = { logFile: "/nowhere/test.log", artifacts: "/nowhere/artifacts" };
  const ended = { node: "n", gpus: [], queueMs: 1, pullMs: 2, runMs: 3 };
  const termination = {
    exitCode: 0,
    reason: "passed",
    detail: "The command ended with exit code 0.",
    ...ended,
  } as const;
  const warnings: string[] = [];
  const report = await judgeTest(
    {
      observed: [{ termination, podName: "p", logComplete: true }],
      pod: testPodOf(),
      folder: { ...folder, reportFile: "/nowhere/report.json", pageFile: "/nowhere/report.html", shards: [folder] },
      engine: "kubernetes",
      startedAt: new Date(0),
      results: [],
      gpusRequired: 0,
      attempts: [],
    },
    { log: { ...silentLog, warning: (line) => warnings.push(line) } },
  );
  expect([report.conclusion, report.reason]).toEqual(["success", "passed"]);
  expect(warnings).toEqual([expect.stringMatching(/^The report could not be written: ENOENT.*report\.json/)]);
});

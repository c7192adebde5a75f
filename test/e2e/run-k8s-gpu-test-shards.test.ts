import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { glob } from "tinyglobby";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { pods } from "../../lib/kubernetes/resource.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { type GpuTestRunOptions, runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

let real: RealCluster;
let image: string;
let before: readonly string[];
beforeAll(async () => {
  real = await openRealCluster("gpu-shards");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  await using _warm = await run({ command: "true", gpus: "0" });
  before = await snapshotCluster(real.cluster);
  return () => real[Symbol.asyncDispose]();
});
afterEach(async () => expect(await snapshotCluster(real.cluster)).toEqual(before));

const run = (inputs: Record<string, string>, onLine?: GpuTestRunOptions["onLine"]) =>
  runGpuTest({ inputs: { image, namespace: real.namespace, ...inputs }, ...(onLine ? { onLine } : {}) });
const suite = '<testsuite name=\\"s\\"><testcase name=\\"part $GPU_CI_SHARD\\"/></testsuite>';

describe("shards", () => {
  it("share a test: each has its index, its GPU, its log and its files, and the report is one", async () => {
    const command = `echo "I am $GPU_CI_SHARD of $GPU_CI_SHARDS"; echo "${suite}" > r.xml; nvidia-smi -L >/dev/null; sleep 2`;
    // One GPU more than most test machines have: what does not fit waits for the others.
    await using result = await run({ command, shards: "3", gpus: "1", results: "r.xml", "pending-timeout": "60s" });
    const { outputs, exitCode, console } = result;
    expect([exitCode, outputs.conclusion, outputs.reason, outputs.passed]).toEqual([0, "success", "passed", "3"]);
    expect(outputs["reason-detail"]).toBe("All 3 shards passed.");
    expect(console.trim().split("\n").toSorted()).toEqual([0, 1, 2].map((shard) => `[${shard}] I am ${shard} of 3`));
    expect(await readFile(outputs["log-file"] ?? "", "utf8")).toBe(
      [0, 1, 2].map((shard) => `===== shard ${shard} of 3 =====\nI am ${shard} of 3\n`).join(""),
    );
    const second = join(outputs["artifacts-path"] ?? "", "shard-1/r.xml");
    expect(await readFile(second, "utf8")).toContain("part 1");
    const report = JSON.parse(await readFile(outputs.report ?? "", "utf8"));
    expect(report.shards.map(({ reason }: { reason: string }) => reason)).toEqual(["passed", "passed", "passed"]);
    expect(report.cases.map(({ name }: { name: string }) => name)).toEqual(["part 0", "part 1", "part 2"]);
    expect(outputs["log-complete"]).toBe("true");
  });

  it("divide their files by the times of an earlier run", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gpu-ci-split-"));
    const command = 'printf "%s\\n" t/slow.sh t/quick.sh t/new.sh t/mid.sh | sh -c "$GPU_CI_SPLIT" | xargs -r echo';
    await using first = await run({ command: 'echo "$GPU_CI_SPLIT"', gpus: "0" });
    const report = JSON.parse(await readFile(first.outputs.report ?? "", "utf8"));
    const plain = { suite: "s", className: "c", outcome: "passed", message: "", text: "", line: null, gpu: false };
    const caseOf = (file: string, durationMs: number) => ({ ...plain, name: file, file, durationMs });
    const cases = [caseOf("t/quick.sh", 1000), caseOf("t/slow.sh", 9000), caseOf("t/mid.sh", 5000)];
    await writeFile(join(folder, "report.json"), JSON.stringify({ ...report, cases }));
    await using result = await run({ command, shards: "2", gpus: "0", "last-report": folder });
    await rm(folder, { recursive: true });
    expect([first.console, result.console.trim().split("\n").toSorted()]).toEqual([
      "cat\n",
      ["[0] t/slow.sh t/quick.sh", "[1] t/new.sh t/mid.sh"],
    ]);
  });

  it("fail together when one of them fails, and the others still run to their ends", async () => {
    const command = 'echo "shard $GPU_CI_SHARD"; [ "$GPU_CI_SHARD" != 1 ] || exit 4; sleep 3; echo done';
    await using result = await run({ command, shards: "2", gpus: "0" });
    expect([result.exitCode, result.outputs.reason, result.outputs["exit-code"]]).toEqual([1, "test-failed", "4"]);
    expect(result.outputs["reason-detail"]).toBe("Shard 1 of 2: The command ended with exit code 4.");
    expect(result.console).toContain("[0] done\n");
  });

  it("that lose one are no success: what the lost one had to say is not known", async () => {
    const removeFirst = async () => {
      const labelSelector = "batch.kubernetes.io/job-completion-index=0";
      const { items } = await listObjects(real.cluster, pods, { labelSelector });
      for (const { metadata } of items) await deleteObject(real.cluster, pods, metadata?.name ?? "");
    };
    await using result = await run({ command: "sleep 6", shards: "2", gpus: "0" }, (line) => {
      if (/Shard 0: Pod .* runs on node /.test(line)) void removeFirst();
    });
    expect([result.exitCode, result.outputs.conclusion, result.outputs.reason]).toEqual([
      3,
      "infrastructure",
      "pod-deleted",
    ]);
  });
});

describe("retry-on-disruption", () => {
  const evict = async () => {
    const { items } = await listObjects(real.cluster, pods, { labelSelector: "app.kubernetes.io/managed-by=gpu-ci" });
    for (const { metadata } of items) {
      const path = `/api/v1/namespaces/${real.namespace}/pods/${metadata?.name}/eviction`;
      const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: metadata?.name } };
      await real.cluster.request({ method: "POST", path, body });
    }
  };

  it("runs an evicted test again, and keeps the log of both tries", async () => {
    const inputs = { command: "echo up; sleep 4; echo done", gpus: "0", "retry-on-disruption": "1" };
    const state = { evictions: 0 };
    await using result = await run(inputs, (line) => {
      if (/Pod .* runs on node /.test(line) && state.evictions++ === 0) void evict();
    });
    const { outputs, host } = result;
    expect([result.exitCode, outputs.reason, outputs["job-name"]?.slice(-3)]).toEqual([0, "passed", "-r1"]);
    const report = JSON.parse(await readFile(outputs.report ?? "", "utf8"));
    expect(report.attempts.map(({ reason }: { reason: string }) => reason)).toEqual(["evicted"]);
    const logs = await glob("gpu-ci-results/*/test.log", { cwd: host.tempDirectory, dot: true });
    expect(logs.length).toBe(2);
    expect(host.lines.filter((line) => line.includes("Disrupted, trying again (1 of 1): ")).length).toBe(1);
  });

  it("does not run again what the test itself did", async () => {
    await using result = await run({ command: "echo once; exit 5", gpus: "0", "retry-on-disruption": "3" });
    expect([result.exitCode, result.outputs.reason, result.console]).toEqual([1, "test-failed", "once\n"]);
  });
});

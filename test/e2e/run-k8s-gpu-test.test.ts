import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseDuration } from "../../lib/duration.ts";
import { createObject, deleteObject, listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { namespaces, pods, secrets } from "../../lib/kubernetes/resource.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { type GpuTestRunOptions, runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const registry = process.env.REGISTRY ?? "";
let real: RealCluster;
let image: string;
let before: readonly string[];
beforeAll(async () => {
  real = await openRealCluster("gpu-test");
  image = await pushBusyboxImage({ registry, repository: "gpu-test/busybox" });
  // The namespace's own ServiceAccount and ConfigMap come a moment after it.
  await using _warm = await run({ command: "true", gpus: "0" });
  before = await snapshotCluster(real.cluster);
  return () => real[Symbol.asyncDispose]();
});
afterEach(async () => expect(await snapshotCluster(real.cluster)).toEqual(before));

const run = (inputs: Record<string, string>, onLine?: GpuTestRunOptions["onLine"]) =>
  runGpuTest({ inputs: { image, namespace: real.namespace, ...inputs }, ...(onLine ? { onLine } : {}) });
const verdictOf = ({ exitCode, outputs }: Awaited<ReturnType<typeof run>>) => [
  exitCode,
  outputs.conclusion,
  outputs.reason,
];

describe("a test that ran", () => {
  it("passes with exit code 0 and names the GPU that it saw", async () => {
    await using result = await run({ command: "echo out; echo err >&2; nvidia-smi -L", gpus: "1" });
    expect(verdictOf(result)).toEqual([0, "success", "passed"]);
    expect(result.outputs["gpu-product"]).not.toBe("");
    expect(result.outputs["gpu-uuids"]).toMatch(/^GPU-/);
    expect(result.outputs["log-complete"]).toBe("true");
    expect(await readFile(result.outputs["log-file"] ?? "", "utf8")).toMatch(/out\n(.*\n)*/);
    expect(result.console).toContain("err");
  });

  it("fails with the command's own exit code", async () => {
    await using result = await run({ command: "exit 3", gpus: "0" });
    expect([...verdictOf(result), result.outputs["exit-code"]]).toEqual([1, "failure", "test-failed", "3"]);
  });

  it("runs the image's own entrypoint and command when it is given none", async () => {
    await using result = await run({ gpus: "0" });
    expect([...verdictOf(result), result.console]).toEqual([0, "success", "passed", "entrypoint cmd\n"]);
  });

  it("brings results and files back with their bytes, and reads the cases", async () => {
    const suite =
      '<testsuite name=\\"s\\"><testcase name=\\"adds\\"/><testcase name=\\"gpu adds\\"><skipped/></testcase></testsuite>';
    const command = `mkdir -p out/deep "a b"; echo "${suite}" > out/deep/r.xml; head -c 9000000 /dev/urandom > "a b/big"; sha256sum "a b/big"`;
    await using result = await run({ command, results: "out/**/*.xml", artifacts: "a b", gpus: "0" });
    expect([result.outputs.conclusion, result.outputs.passed, result.outputs.skipped]).toEqual(["success", "1", "1"]);
    const bytes = await readFile(join(result.outputs["artifacts-path"] ?? "", "a b/big"));
    expect(result.console.split(" ")[0]).toBe(createHash("sha256").update(bytes).digest("hex"));
    const report = JSON.parse(await readFile(result.outputs.report ?? "", "utf8"));
    expect(report.cases.map(({ name, outcome }: Record<string, string>) => `${name} ${outcome}`)).toEqual([
      "adds passed",
      "gpu adds skipped",
    ]);
  });

  it.each([
    ["busybox", {}],
    // busybox' own programs are found by its shell only, and nc is left out: perl has to listen.
    ["perl", { without: ["nc"], programs: ["/usr/bin/perl"], folders: ["/usr/lib/x86_64-linux-gnu/perl-base"] }],
  ])("brings much back straight from its pod on this machine, with %s", async (_name, options) => {
    const listening = await pushBusyboxImage({ registry, repository: "gpu-test/listening", ...options });
    const command = "head -c 70000000 /dev/urandom > big; sha256sum big";
    await using result = await run({ image: listening, command, artifacts: "big", gpus: "0" });
    const bytes = await readFile(join(result.outputs["artifacts-path"] ?? "", "big"));
    expect(result.console.split(" ")[0]).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(result.host.lines.filter((line) => /by exec|cut off/.test(line))).toEqual([]);
    expect(result.host.lines).toContainEqual(expect.stringContaining("straight from its pod"));
  });

  it("fails when a GPU is required and a GPU case was skipped", async () => {
    const suite = '<testsuite name=\\"s\\"><testcase name=\\"gpu adds\\"><skipped/></testcase></testsuite>';
    await using result = await run({ command: `echo "${suite}" > r.xml`, results: "r.xml", gpus: "1" });
    expect(verdictOf(result)).toEqual([1, "failure", "gpu-cases-skipped"]);
  });

  it.each([
    ["without tar", ["tar", "find"]],
    ["without mkfifo", ["mkfifo"]],
  ])("brings files back from an image %s", async (_name, without) => {
    const bare = await pushBusyboxImage({ registry, repository: "gpu-test/bare", without });
    const command = "mkdir x; head -c 3000000 /dev/urandom > x/y; sha256sum x/y; sleep 1.5";
    await using result = await run({ image: bare, command, artifacts: "x", gpus: "0" });
    const bytes = await readFile(join(result.outputs["artifacts-path"] ?? "", "x/y"));
    expect(result.console.split(" ")[0]).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  it("that was killed before it wrote its results is told by its log", async () => {
    const command = `printf '[ RUN      ] A.Ok\\n[       OK ] A.Ok (1 ms)\\n[ RUN      ] A.Dies\\n'; kill -9 $$`;
    await using result = await run({ command, results: "r.xml", gpus: "0" });
    expect([...verdictOf(result), result.outputs.passed, result.outputs.failed]).toEqual([
      1,
      "failure",
      "test-failed",
      "1",
      "1",
    ]);
    expect(result.outputs["reason-detail"]).toContain("1 failed case: Dies.");
  });

  it("ends at its timeout, and its files still come back", async () => {
    const command = "echo 1 > early.txt; trap '' TERM; while :; do sleep 1; done";
    await using result = await run({ command, artifacts: "early.txt", timeout: "2s", gpus: "0" });
    expect(verdictOf(result)).toEqual([1, "timed-out", "timed-out"]);
    expect(await readFile(join(result.outputs["artifacts-path"] ?? "", "early.txt"), "utf8")).toBe("1\n");
  });

  it("is out of memory whatever else happened", async () => {
    await using result = await run({ command: "head -c 200m /dev/zero | tail", memory: "32Mi", gpus: "0" });
    expect(verdictOf(result)).toEqual([1, "failure", "out-of-memory"]);
    expect(result.outputs["reason-detail"]).toContain("memory limit of 32Mi");
  });

  it("says that somebody deleted its pod", async () => {
    const removePods = async () => {
      const { items } = await listObjects(real.cluster, pods, { labelSelector: "app.kubernetes.io/managed-by=gpu-ci" });
      for (const { metadata } of items) await deleteObject(real.cluster, pods, metadata?.name ?? "");
    };
    await using result = await run({ command: "sleep 60", gpus: "0" }, (line) => {
      if (line.includes(" runs on node ")) void removePods();
    });
    expect(verdictOf(result)).toEqual([3, "infrastructure", "pod-deleted"]);
  });

  it("gets its secrets through a Secret alone, and they are masked wherever they show", async () => {
    const secret = "hunter2-and-more";
    await using result = await run({
      command: 'echo "got $TOKEN"; exit 1',
      "secret-env": `TOKEN=${secret}`,
      gpus: "0",
    });
    expect(result.console).toBe("got ***\n");
    expect(await readFile(result.outputs["log-file"] ?? "", "utf8")).toBe("got ***\n");
    expect(JSON.stringify([result.outputs, result.host.lines])).not.toContain(secret);
  });
});

describe("a test that cannot run", () => {
  it("is unschedulable at once when it asks for more GPUs than a node has", async () => {
    const startedAt = performance.now();
    await using result = await run({ command: "true", gpus: "99" });
    expect(verdictOf(result)).toEqual([3, "infrastructure", "unschedulable"]);
    expect(result.outputs["reason-detail"]).toMatch(/^99 nvidia\.com\/gpu asked for, but the largest node has \d+\.$/);
    expect(performance.now() - startedAt).toBeLessThan(parseDuration("10s") ?? 0);
  });

  it("names an image that is not there", async () => {
    await using result = await run({ image: `${image.slice(0, -4)}0000`, command: "true", gpus: "0" });
    expect(verdictOf(result)).toEqual([3, "infrastructure", "image-pull-failed"]);
    expect(result.outputs["reason-detail"]).toContain("not found");
  });

  it("hints at wrap: false for an image without a shell, which then runs", async () => {
    const shellless = await pushBusyboxImage({ registry, repository: "gpu-test/shellless", shell: false });
    await using failed = await run({ image: shellless, gpus: "0" });
    expect(verdictOf(failed)).toEqual([3, "infrastructure", "container-start-failed"]);
    expect(failed.outputs["reason-detail"]).toContain("The image has no /bin/sh");
    await using bare = await run({ image: shellless, wrap: "false", gpus: "0" });
    expect([...verdictOf(bare), bare.console]).toEqual([0, "success", "passed", "entrypoint cmd\n"]);
  });

  it("gives up at pending-timeout with the scheduler's words", async () => {
    const patch = JSON.stringify({ spec: { schedulingGates: [{ name: "example.com/never" }] } });
    await using result = await run({ command: "true", gpus: "0", "pod-patch": patch, "pending-timeout": "2s" });
    expect(verdictOf(result)).toEqual([3, "infrastructure", "pending-timeout"]);
    expect(result.outputs["reason-detail"]).toContain("pending-timeout (2.0 s)");
  });

  it("is refused by a namespace that enforces restricted, unless it runs as nonroot", async () => {
    const enforce = (level: string | null) => {
      const labels = { "pod-security.kubernetes.io/enforce": level };
      return patchObject(real.cluster, namespaces, real.namespace, { patch: { metadata: { labels } } });
    };
    await enforce("restricted");
    try {
      await using refused = await run({ command: "id -u", gpus: "0" });
      expect(verdictOf(refused)).toEqual([3, "infrastructure", "admission-refused"]);
      expect(refused.outputs["reason-detail"]).toContain("Set run-as: nonroot");
      await using allowed = await run({ command: "id -u; echo $HOME", gpus: "0", "run-as": "nonroot", artifacts: "x" });
      expect([...verdictOf(allowed), allowed.console]).toEqual([0, "success", "passed", "1000\n/tmp\n"]);
    } finally {
      await enforce(null);
    }
  });

  it("names a namespace that is not there", async () => {
    await using result = await run({ command: "true", gpus: "0", namespace: "gpu-test-nowhere" });
    expect(verdictOf(result)).toEqual([3, "infrastructure", "admission-refused"]);
    expect(result.outputs["reason-detail"]).toContain('namespaces "gpu-test-nowhere" not found');
  });
});

it("removes what an earlier run left behind, once it has expired", async () => {
  const labels = { "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": "old-1" };
  const annotations = { "gpu-ci/expires": "2020-01-01T00:00:00Z" };
  await createObject(real.cluster, secrets, { metadata: { name: "gpu-ci-old-1", labels, annotations } });
  await using result = await run({ command: "true", gpus: "0" });
  expect(result.host.lines).toContain("Removing Secret gpu-ci-old-1, which an interrupted run left behind.");
});

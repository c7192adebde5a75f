import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerEngine } from "../../../../lib/engine/container-engine.ts";
import type { Engine, RunningTest } from "../../../../lib/engine/engine.ts";
import type { TestPod } from "../../../../lib/engine/test-pod.ts";
import { CancelledError } from "../../../../lib/error.ts";
import { exec } from "../../../../lib/exec.ts";
import { pushBusyboxImage } from "../../../support/busybox-image.ts";
import { observe, startPodman, type TestPodman } from "../../../support/podman.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { testPodOf } from "../../../support/test-pod.ts";

let podman: TestPodman;
let registry: TestRegistry;
let engine: Engine;
let image: string;

beforeAll(async () => {
  [registry, podman] = await Promise.all([startRegistry(), startPodman()]);
  image = await pushBusyboxImage({ registry: registry.host, repository: "busybox" });
  engine = await containerEngine("podman", podman.deps);
});

afterAll(async () => {
  await podman[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

function shell(script: string, changes: Partial<TestPod> = {}): TestPod {
  // A pod of this name that has expired would be swept by the next test's start.
  const annotations = { "gpu-ci/expires": "2999-01-01T00:00:00Z" };
  return testPodOf({ image, command: ["/bin/sh", "-c", script], annotations, ...changes });
}

async function run(pod: TestPod, on: Engine = engine) {
  const running = await on.start(pod);
  const [shard] = running.shards;
  if (!shard) throw new Error("no shard");
  const directory = await mkdtemp(join(tmpdir(), "gpu-ci-collected-"));
  try {
    const { log, termination } = await observe(shard);
    const files = await shard.collect(directory);
    const texts = await Promise.all(
      files.map(async ({ path }) => [path, await readFile(join(directory, path), "utf8")]),
    );
    return { log, termination, files: Object.fromEntries(texts) as Record<string, string>, gap: shard.logGap() };
  } finally {
    await running.remove();
    await rm(directory, { recursive: true });
  }
}

describe("The podman engine", () => {
  it("runs a test from a plain-HTTP registry, gives its log byte for byte and its files, and leaves nothing", async () => {
    const script = String.raw`printf 'a\r\nb\0\377 no newline'; printf err >&2; mkdir -p r/s; echo "<x/>" >r/s/t.xml; cat /proc/self/mounts >r/no.txt`;
    const result = await run(shell(script, { collect: ["r/**/*.xml"] }));
    expect(result.log).toEqual(Buffer.from("a\r\nb\0\xff no newlineerr", "latin1"));
    expect(result.gap).toBeUndefined();
    expect(result.termination).toMatchObject({
      exitCode: 0,
      reason: "passed",
      detail: "The command ended with exit code 0.",
      gpus: [],
    });
    expect(result.termination.pullMs).toBeGreaterThan(0);
    expect(result.files).toEqual({ "r/s/t.xml": "<x/>\n" });
    expect(await podman.containers()).toEqual([]);
    expect(await podman.leftFiles()).toEqual([]);
  });

  it("gives a log of a megabyte without a newline, and one of a hundred thousand lines, whole", async () => {
    const long = await run(shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; seq 1 100000"));
    const lines = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join("");
    expect(long.log.equals(Buffer.from(`${"x".repeat(1_000_000)}\n${lines}`))).toBe(true);
  });

  it("hands over environment and secrets of any form, and shows no secret in an argument", async () => {
    const secretEnv = { S_PLAIN: "geheim = #1", S_LINES: "zwei\nzeilen\n", S_QUOTED: ` "geheim" 'x' `, S_EMPTY: "" };
    const names = ["PLAIN_ENV", ...Object.keys(secretEnv)].map((name) => `printf '%s|' "$${name}"`);
    const { log } = await run(shell(names.join(";"), { env: { PLAIN_ENV: "a=b c\nd" }, secretEnv }));
    expect(log.toString()).toBe(`a=b c\nd|${Object.values(secretEnv).join("|")}|`);
    expect(podman.seenArguments.filter((argument) => /geheim|zeilen/.test(argument))).toEqual([]);
  });

  it("tells a failed test by its own exit code", async () => {
    const { termination } = await run(shell("exit 3"));
    expect(termination).toMatchObject({
      exitCode: 3,
      reason: "test-failed",
      detail: "The command ended with exit code 3.",
    });
  });

  it("ends a test at its timeout and keeps what it had written", async () => {
    const script = "trap 'echo term >t.xml; exit 0' TERM; echo on >o.xml; while :; do sleep 0.1; done";
    const { termination, files } = await run(shell(script, { timeoutMs: 1000, collect: ["*.xml"] }));
    expect(termination).toMatchObject({ reason: "timed-out" });
    expect(files).toEqual({ "o.xml": "on\n", "t.xml": "term\n" });
  });

  it("ends a bare test at its timeout too", async () => {
    const pod = {
      ...shell("exec sleep 60"),
      wrap: false,
      timeoutMs: 1000,
      command: ["/bin/sh", "-c", "trap 'exit 9' TERM; sleep 60 & wait"],
    };
    expect((await run(pod)).termination).toMatchObject({ exitCode: 9, reason: "timed-out" });
  });

  it("calls a test out of memory when the kernel killed any process of it, even with exit code 0", async () => {
    const script = "(dd if=/dev/zero of=/dev/null bs=300M count=1); echo kept >k.xml; exit 0";
    const { termination, files } = await run(shell(script, { memory: "64Mi", collect: ["*.xml"] }));
    const detail = "The kernel killed a process of the test at its memory limit of 64Mi (exit code 0).";
    expect(termination).toMatchObject({ exitCode: 0, reason: "out-of-memory", detail });
    expect(files).toEqual({ "k.xml": "kept\n" });
    // conmon notes it in a file of this name where it was started.
    expect(existsSync("oom")).toBe(false);
  });

  it("limits shared memory and CPU, drops capabilities, and runs as another user when asked", async () => {
    const script =
      "df -k /dev/shm | tail -1 | awk '{print $2}'; id -u; echo $HOME; grep -E 'CapEff|NoNewPrivs' /proc/self/status";
    const { log } = await run(shell(script, { shmSize: "32Mi", cpu: "500m", runAs: "nonroot" }));
    expect(log.toString()).toBe("32768\n1000\n/tmp\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n");
  });

  it("runs an image without a shell bare, brings back /gpu-ci/out, and says what is wrong when it is wrapped", async () => {
    const bare = await pushBusyboxImage({ registry: registry.host, repository: "bare", shell: false });
    const command = ["/bin/busybox", "sh", "-c", "echo x >/gpu-ci/out/x; ln -s /etc/passwd /gpu-ci/out/link"];
    const result = await run(testPodOf({ image: bare, wrap: false, command }));
    expect([result.termination.reason, result.files]).toEqual(["passed", { x: "x\n" }]);
    const wrapped = await run(testPodOf({ image: bare, command: ["true"] }));
    expect(wrapped.termination.reason).toBe("container-start-failed");
    expect(wrapped.termination.detail).toMatch(/An image without \/bin\/sh needs `wrap: false`\.$/);
    const itself = await run(testPodOf({ image: bare, wrap: false, command: [] }));
    expect(itself.log.toString()).toBe("entrypoint cmd\n");
  });

  it("runs without the GPUs that are required but absent, and says so", async () => {
    const { log } = await run(
      shell("echo $GPU_CI_GPUS $NVIDIA_VISIBLE_DEVICES", { gpus: 2, gpuResource: "example.com/gpu" }),
    );
    expect(log.toString()).toBe("0 void\n");
    expect(podman.warnings).toContain("2 of example.com/gpu required, but this machine has 0; the test runs with 0.");
  });

  it("tells an image that is not there from a registry that is not there", async () => {
    const absent = await run(testPodOf({ image: `${registry.host}/nothing@sha256:${"0".repeat(64)}` }));
    expect(absent.termination).toMatchObject({ exitCode: undefined, reason: "image-pull-failed" });
    const unreachable = await run(
      testPodOf({ image: `localhost:1/x@sha256:${"0".repeat(64)}`, pendingTimeoutMs: 3000 }),
    );
    expect(["image-pull-failed", "pending-timeout"]).toContain(unreachable.termination.reason);
  });

  it("removes a container that an earlier run left behind, and no other one", async () => {
    const running = await engine.start(
      shell("echo up; sleep 60", { annotations: { "gpu-ci/expires": "2020-01-01T00:00:00Z" }, name: "old" }),
    );
    for await (const _ of running.shards[0]?.log() ?? []) break;
    await exec("podman", ["create", "--name", "foreign", image, "true"], { env: podman.deps.env });
    expect((await run(shell("echo new"))).log.toString()).toBe("new\n");
    expect(await podman.containers()).toEqual(["foreign"]);
    await running.remove();
    await exec("podman", ["rm", "foreign"], { env: podman.deps.env });
  });

  it.each([0, 50, 150, 300, 500, 800])("leaves nothing after a cancel %d ms from the start", async (delayMs) => {
    const controller = new AbortController();
    const cancellable = await containerEngine("podman", { ...podman.deps, signal: controller.signal });
    const running = await cancellable.start(shell("sleep 60"));
    await sleep(delayMs);
    controller.abort(new CancelledError("SIGTERM"));
    await running.remove();
    expect([await podman.containers(), await podman.leftFiles()]).toEqual([[], []]);
  });

  it("leaves nothing after a cancel in the middle", async () => {
    const controller = new AbortController();
    const cancellable = await containerEngine("podman", { ...podman.deps, signal: controller.signal });
    const running = await cancellable.start(shell("echo up; sleep 60"));
    for await (const _ of running.shards[0]?.log() ?? []) break;
    controller.abort(new CancelledError("SIGINT"));
    await expect(running.shards[0]?.ended()).rejects.toThrow("Cancelled by SIGINT.");
    const startedAt = Date.now();
    await Promise.all([running.remove(), running.remove()]);
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    expect([await podman.containers(), await podman.leftFiles()]).toEqual([[], []]);
  });
});

describe("Shards on this machine", () => {
  const texts = async (running: RunningTest) => {
    const seen = await Promise.all(running.shards.map((shard) => observe(shard)));
    return seen.map(({ log, termination }) => `${log.toString().trim()} ${termination.reason}`);
  };

  it("run one after another, each with its index, and leave nothing", async () => {
    const running = await engine.start(
      shell("echo $GPU_CI_SHARD of $GPU_CI_SHARDS; exit $GPU_CI_SHARD", { shards: 3 }),
    );
    expect(await texts(running)).toEqual(["0 of 3 passed", "1 of 3 test-failed", "2 of 3 test-failed"]);
    await running.remove();
    expect([await podman.containers(), await podman.leftFiles()]).toEqual([[], []]);
  });

  it("that were cancelled leave nothing, and those that never began do not begin", async () => {
    const controller = new AbortController();
    const cancellable = await containerEngine("podman", { ...podman.deps, signal: controller.signal });
    const running = await cancellable.start(shell("echo up; sleep 60", { shards: 2 }));
    for await (const _ of running.shards[0]?.log() ?? []) break;
    controller.abort(new CancelledError("SIGTERM"));
    await expect(running.shards[1]?.ended()).rejects.toThrow("Cancelled by SIGTERM.");
    await running.remove();
    expect([await podman.containers(), await podman.leftFiles()]).toEqual([[], []]);
  });
});

describe("The docker engine", () => {
  it("runs a test by a docker that is podman under another name", async () => {
    const bin = await mkdtemp(join(tmpdir(), "gpu-ci-docker-"));
    await writeFile(join(bin, "docker"), '#!/bin/sh\nexec podman "$@"\n');
    await chmod(join(bin, "docker"), 0o755);
    const env = { ...podman.deps.env, PATH: `${bin}:${process.env.PATH}` };
    const docker = await containerEngine("docker", { ...podman.deps, env });
    const { log, termination, files } = await run(
      shell("seq 1 5000; echo x >x.xml; exit 4", { collect: ["x.xml"] }),
      docker,
    );
    await rm(bin, { recursive: true });
    expect(log.toString()).toBe(Array.from({ length: 5000 }, (_, index) => `${index + 1}\n`).join(""));
    expect([termination.reason, termination.exitCode, files]).toEqual(["test-failed", 4, { "x.xml": "x\n" }]);
  });
});

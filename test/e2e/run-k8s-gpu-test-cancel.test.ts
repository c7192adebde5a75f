import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/run-k8s-gpu-test/inputs.ts";
import { removeLeftovers } from "../../actions/run-k8s-gpu-test/remove-leftovers.ts";
import { saveStarted } from "../../actions/run-k8s-gpu-test/state.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { jobs } from "../../lib/kubernetes/resource.ts";
import { actionInput } from "../support/action-input.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost } from "../support/test-host.ts";

const program = fileURLToPath(new URL("../../bin/gpu-ci", import.meta.url));
let real: RealCluster;
let image: string;
let before: readonly string[];
beforeAll(async () => {
  real = await openRealCluster("gpu-cancel");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  await using _warm = await runGpuTest({ inputs: { image, namespace: real.namespace, command: "true", gpus: "0" } });
  before = await snapshotCluster(real.cluster);
  return () => real[Symbol.asyncDispose]();
});

interface Cancelled {
  readonly exitCode: number | null;
  readonly endedAfterMs: number;
}

/** Starts gpu-ci as a process of its own and sends it a signal a moment after a line that it says. */
async function cancelAt(
  line: string,
  delayMs: number,
  { command = "sleep 60", signal = "SIGINT" as NodeJS.Signals } = {},
): Promise<Cancelled> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-cancel-"));
  try {
    const inputs = {
      image,
      namespace: real.namespace,
      command,
      gpus: "1",
      artifacts: "x",
      "working-directory": folder,
    };
    const flags = Object.entries(inputs).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(program, ["run-k8s-gpu-test", ...flags], { stdio: ["ignore", "ignore", "pipe"] });
    const exited = once(child, "exit") as Promise<[number | null]>;
    for await (const said of createInterface({ input: child.stderr })) if (said.includes(line)) break;
    child.stderr.resume();
    await sleep(delayMs);
    const signalledAt = performance.now();
    child.kill(signal);
    const [exitCode] = await exited;
    return { exitCode, endedAfterMs: performance.now() - signalledAt };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const stubborn = "trap '' TERM; mkdir -p x; echo 1 > x/1; while :; do sleep 1; done";
const short = "mkdir -p x; echo 1 > x/1; sleep 1";

describe("a cancelled run", () => {
  it.each([
    ["before anything is created", "Engine:", 0, "sleep 60"],
    ["while its objects are created", "Starting", 0, "sleep 60"],
    ["after its objects were created", "Starting", 60, "sleep 60"],
    ["while its container is created", "Starting", 700, "sleep 60"],
    ["while it runs", "runs on node", 0, "sleep 60"],
    ["while it runs and ignores TERM", "runs on node", 300, stubborn],
    ["while its files are read", "runs on node", 1000, short],
    ["while it is removed", "The test ended", 100, short],
  ])("leaves the cluster as it was: %s", async (_name, line, delayMs, command) => {
    const { exitCode, endedAfterMs } = await cancelAt(line, delayMs, { command });
    expect(await snapshotCluster(real.cluster)).toEqual(before);
    expect(exitCode).toBe(130);
    expect(endedAfterMs).toBeLessThan(7000);
  });

  it("is removed by the post step when it was killed", async () => {
    const { exitCode } = await cancelAt("runs on node", 0, { signal: "SIGKILL" });
    const { items } = await listObjects(real.cluster, jobs);
    const { name = "", labels } = items[0]?.metadata ?? {};
    await using host = createTestHost();
    saveStarted(host.state, { engine: "kubernetes", name, run: labels?.["gpu-ci/run"] ?? "", shards: 1 });
    const inputs = readInputs(actionInput("run-k8s-gpu-test", { image, namespace: real.namespace }));
    await removeLeftovers(() => inputs, host);
    expect([exitCode, items.length, await snapshotCluster(real.cluster)]).toEqual([null, 1, before]);
  });

  it("exits with 143 after SIGTERM", async () => {
    const { exitCode } = await cancelAt("runs on node", 0, { signal: "SIGTERM" });
    expect([exitCode, await snapshotCluster(real.cluster)]).toEqual([143, before]);
  });
});

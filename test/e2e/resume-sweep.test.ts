import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { pods } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const program = fileURLToPath(new URL("../../bin/gpu-ci", import.meta.url));
let real: RealCluster;
let image: string;
let folder: string;
let before: readonly string[];
beforeAll(async () => {
  real = await openRealCluster("resume");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-resume-"));
  await using _warm = await runGpuTest({ inputs: { image, namespace: real.namespace, command: "true", gpus: "0" } });
  before = await snapshotCluster(real.cluster);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await real[Symbol.asyncDispose]();
});

/** Starts a run as a process of its own and kills it without a word at a line that it says; gives the name of its Job. */
async function killAt(
  line: string,
  inputs: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const all = { image, namespace: real.namespace, gpus: "0", "working-directory": folder, ...inputs };
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(program, ["run-k8s-gpu-test", ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env },
  });
  const exited = once(child, "exit");
  let name = "";
  for await (const said of createInterface({ input: child.stderr })) {
    name = /Starting (\S+)/.exec(said)?.[1] ?? name;
    if (said.includes(line)) break;
  }
  child.kill("SIGKILL");
  await exited;
  return name;
}

async function gpuCi(...words: readonly string[]) {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { exitCode: (await exited)[0], stdout, stderr };
}

const resume = async (name: string) => {
  const place = ["--namespace", real.namespace, "--working-directory", folder, "--json"];
  const { stdout, ...rest } = await gpuCi("resume", name, ...place);
  return { ...rest, outputs: JSON.parse(stdout || "{}") as Record<string, string> };
};

describe("a run whose runner was killed", () => {
  it("is resumed in the middle: whole log, files, masked secrets and the test's own verdict", async () => {
    const command =
      "for i in 1 2 3 4 5 6; do echo line $i; sleep 1; done; echo $TOKEN; mkdir -p out; echo 42 > out/answer; exit 7";
    const name = await killAt("line 2", { command, artifacts: "out", "secret-env": "TOKEN=hush-hush-hush" });
    const { exitCode, outputs } = await resume(name);
    const log = await readFile(outputs["log-file"] ?? "", "utf8");
    expect(log).toBe(`${[1, 2, 3, 4, 5, 6].map((i) => `line ${i}\n`).join("")}***\n`);
    expect(await readFile(join(outputs["artifacts-path"] ?? "", "out/answer"), "utf8")).toBe("42\n");
    expect([exitCode, outputs.conclusion, outputs.reason, outputs["exit-code"], outputs["log-complete"]]).toEqual([
      1,
      "failure",
      "test-failed",
      "7",
      "true",
    ]);
    expect(await snapshotCluster(real.cluster)).toEqual(before);
  });

  it("is resumed after its end", async () => {
    const name = await killAt("runs on node", { command: "sleep 3; echo all of it" });
    await real.waitForPod(await podOf(name), ({ status }) => status?.phase === "Succeeded");
    const { exitCode, outputs } = await resume(name);
    expect([exitCode, outputs.reason, await readFile(outputs["log-file"] ?? "", "utf8")]).toEqual([
      0,
      "passed",
      "all of it\n",
    ]);
    expect(await snapshotCluster(real.cluster)).toEqual(before);
  });

  it("cannot be resumed when it is not there", async () => {
    const { exitCode, stderr } = await resume("gpu-ci-nothing-1");
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining("has no Job of run gpu-ci-nothing-1")]);
  });

  it("is swept, and a live run is not", async () => {
    const dead = await killAt("runs on node", { command: "sleep 600", artifacts: "out" });
    const place = ["--namespace", real.namespace];
    let tried = "";
    let swept = "";
    let left: readonly string[] = [];
    const lookFromWithin = async () => {
      tried = (await gpuCi("sweep", ...place, "--dry-run")).stdout;
      swept = (await gpuCi("sweep", ...place)).stdout;
      left = await snapshotCluster(real.cluster);
    };
    let looking: Promise<void> | undefined;
    await using live = await runGpuTest({
      inputs: { image, namespace: real.namespace, command: "sleep 8", gpus: "0" },
      onLine: (line) => {
        if (line.includes("runs on node")) looking = lookFromWithin();
      },
    });
    await looking;
    const mine = live.outputs["job-name"] ?? "";
    const row = (table: string, name: string) => table.split("\n").find((line) => line.includes(`Job ${name} `));
    expect(row(tried, dead)).toMatch(/would be removed {2}process \d+ is gone$/);
    expect(row(swept, dead)).toMatch(/removed {2}process \d+ is gone$/);
    expect(row(swept, mine)).toContain(`kept     followed by process ${process.pid}`);
    expect(left.filter((object) => object.includes(dead))).toEqual([]);
    expect([live.outputs.conclusion, await snapshotCluster(real.cluster)]).toEqual(["success", before]);
  });
});

describe("a run whose runner was a pod of the same namespace", () => {
  it("goes with that pod", async () => {
    await real.startPod("runner-1", "sleep 600");
    await real.waitForPod("runner-1", ({ status }) => status?.phase === "Running");
    const name = await killAt(
      "runs on node",
      { command: "sleep 600" },
      { KUBERNETES_SERVICE_HOST: "x", HOSTNAME: "runner-1" },
    );
    const pod = await podOf(name);
    await deleteObject(real.cluster, pods, "runner-1");
    const signal = AbortSignal.timeout(60_000);
    for await (const { type } of watchObjects(real.cluster, pods, { fieldSelector: `metadata.name=${pod}`, signal }))
      if (type === "DELETED") break;
    expect(await snapshotCluster(real.cluster)).toEqual(before);
  });
});

async function podOf(job: string): Promise<string> {
  const { items } = await listObjects(real.cluster, pods, { labelSelector: `batch.kubernetes.io/job-name=${job}` });
  return items[0]?.metadata?.name ?? "";
}

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/push-local-registry/inputs.ts";
import { pushLocalRegistry } from "../../actions/push-local-registry/push-local-registry.ts";
import { exec } from "../../lib/exec.ts";
import { actionInput } from "../support/action-input.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { startContainerd, type TestContainerd } from "../support/containerd.ts";
import { root } from "../support/house.ts";
import { writeLayout } from "../support/image-layout.ts";
import { containerdEnvironment } from "../support/node-containerd.ts";
import { runWithoutPull } from "../support/pod-without-pull.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost, type TestHost } from "../support/test-host.ts";

const registry = process.env.REGISTRY ?? "";
const made: string[] = [];
let node: NodeJS.ProcessEnv;
let folder: string;
let real: RealCluster;
let own: TestContainerd;

beforeAll(async () => {
  node = containerdEnvironment();
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-microk8s-"));
  real = await openRealCluster("microk8s");
  own = await startContainerd(24, node);
});
afterAll(async () => {
  await own?.[Symbol.asyncDispose]();
  await ctr("k8s.io", "images", "rm", ...made);
  await real[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const ctr = (namespace: string, ...args: string[]) =>
  exec("ctr", ["--namespace", namespace, ...args], { env: { ...node }, ignoreExitCode: true });

/** A machine whose microk8s has the containerd of this socket. */
async function machineOf(address: string): Promise<TestHost> {
  const machine = await mkdtemp(join(folder, "machine-"));
  await mkdir(join(machine, "bin"));
  await symlink(join(root, "test/fixtures/bin/microk8s"), join(machine, "bin/microk8s"));
  await writeFile(join(machine, "containerd"), address);
  const env: NodeJS.ProcessEnv = { ...node, FAKE_MACHINE: machine, PATH: `${join(machine, "bin")}:${node.PATH}` };
  env.CONTAINERD_ADDRESS = "";
  const host = createTestHost({ env });
  return { ...host, exec: (program, args, options) => exec(program, args, { env, ...options }) };
}

/** Not what the kubelet pulled before under another name: of that it remembers that it has to ask a registry. */
const pushNewImage = () =>
  pushBusyboxImage({
    registry,
    repository: "microk8s/busybox",
    entrypoint: ["/bin/busybox", "echo", randomBytes(9).toString("hex")],
  });

const push = (host: TestHost, inputs: Record<string, string>) =>
  pushLocalRegistry(readInputs(actionInput("push-local-registry", inputs)), host);

async function layoutOf(host: TestHost, bytes: number): Promise<string> {
  const layout = join(host.tempDirectory, "layout");
  await writeLayout(layout, { layers: [Buffer.concat([Buffer.alloc(1024), randomBytes(bytes)])] });
  return layout;
}

/** A pod that shows by its exit code that it ran. */
const runPod = (image: string) => runWithoutPull(real, image, ["/bin/sh", "-c", "exit 7"]);

describe("push-local-registry into the containerd of microk8s", () => {
  it("gives an image that a pod runs though no registry has it, and that comes back out", async () => {
    await using host = await machineOf(node.CONTAINERD_ADDRESS ?? "");
    const source = await pushNewImage();
    const image = `microk8s/run-${randomBytes(3).toString("hex")}`;
    const inputs = { source, image, tags: "1", target: "containerd" };
    const { pullRef, digest } = await push(host, inputs);
    made.push(`${registry}/${image}:1`, pullRef);
    expect(pullRef).toBe(`${registry}/${image}@${digest}`);
    expect(host.lines.at(-1)).toBe(`${pullRef} is imported.`);
    expect(await runPod(pullRef)).toMatchObject({ exitCode: 7 });
    expect(await runPod(`${registry}/${image}:1`)).toMatchObject({ exitCode: 7 });
    await push(host, inputs);
    expect(host.lines.at(-1)).toBe(`${pullRef} is in this node already.`);
    const again = await push(host, { source: `containerd:${registry}/${image}:1`, image: `${image}-again` });
    expect(again.digest).toBe(digest);
  });

  it("sees the namespace of pods only: what lies in another one is absent as a source, and is imported", async () => {
    await using host = await machineOf(node.CONTAINERD_ADDRESS ?? "");
    const source = await pushNewImage();
    const image = `microk8s/elsewhere-${randomBytes(3).toString("hex")}`;
    const name = `${registry}/${image}:1`;
    const pulled = await ctr("default", "images", "pull", "--plain-http", source);
    expect(pulled.exitCode, pulled.stderr).toBe(0);
    await ctr("default", "images", "tag", source, name);
    expect(await runPod(name)).toMatchObject({ reason: "ErrImageNeverPull" });
    await expect(push(host, { source: `containerd:${name}`, image })).rejects.toMatchObject({
      code: "source-absent",
      message: `containerd has no image ${name}.`,
      hint: expect.stringContaining("ctr --namespace k8s.io images ls") as string,
    });
    const { pullRef } = await push(host, { source, image, tags: "1", target: "containerd" });
    made.push(name, pullRef);
    await ctr("default", "images", "rm", name, source);
    expect(await runPod(name)).toMatchObject({ exitCode: 7 });
  });
});

describe("a containerd of microk8s that is in trouble", () => {
  it("is told to be full, and works again when there is space", async () => {
    await using host = await machineOf(own.address);
    const source = await layoutOf(host, 40_000_000);
    await expect(push(host, { source, image: "a/large", target: "containerd" })).rejects.toMatchObject({
      code: "sideload-failed",
      message: expect.stringMatching(
        /^containerd did not import layout .*: its disk is full \(.*no space left on device/,
      ) as string,
      hint: "Free space where containerd keeps its images; crictl rmi --prune removes those that no container uses.",
    });
    // containerd throws away what it had begun in its own time, up to then it fills the disk.
    await own.resize(100);
    await using other = await machineOf(own.address);
    const small = await layoutOf(other, 1000);
    await push(other, { source: small, image: "a/small", target: "containerd" });
    expect(other.lines.at(-1)).toMatch(/is imported\.$/);
  });

  it("is told not to answer when it hangs, when it was killed, and when its socket is gone", async () => {
    await using host = await machineOf(own.address);
    const source = await layoutOf(host, 1000);
    const inputs = { source, image: "a/b", target: "containerd" };
    const away = { code: "containerd-unreachable", retryable: true };
    own.signal("SIGSTOP");
    await expect(push(host, inputs)).rejects.toMatchObject(away);
    own.signal("SIGCONT");
    own.signal("SIGKILL");
    await expect(push(host, inputs)).rejects.toMatchObject({
      ...away,
      message: expect.stringMatching(/^containerd did not import layout .*, for it does not answer: ctr: /) as string,
    });
    await expect(push(host, { source: "containerd:a/b:1", image: "a/b" })).rejects.toMatchObject(away);
    await rm(own.address);
    await expect(push(host, inputs)).rejects.toMatchObject(away);
  });
});

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/push-local-registry/inputs.ts";
import { pushLocalRegistry } from "../../actions/push-local-registry/push-local-registry.ts";
import { exec, findProgram } from "../../lib/exec.ts";
import { actionInput } from "../support/action-input.ts";
import { writeLayout } from "../support/image-layout.ts";
import { startPodman } from "../support/podman.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost } from "../support/test-host.ts";

let real: RealCluster;
beforeAll(async () => {
  real = await openRealCluster("compression");
});
afterAll(() => real[Symbol.asyncDispose]());

/** A layer with nothing but a program that prints a word: this machine's static busybox. */
async function echoLayer(): Promise<Buffer> {
  const busybox = await findProgram(exec, "busybox");
  if (!busybox) throw new Error("busybox is missing: install Debian's package busybox-static.");
  // Another file each time: what a node pulled before it would not pull again.
  const stamp = ["--mtime", new Date().toISOString(), "--transform", "s,.*/,bin/,"];
  return spawnSync("tar", ["--create", ...stamp, busybox], { maxBuffer: 1 << 26 }).stdout;
}

describe("push-local-registry with compression", () => {
  it.each(["zstd", "gzip"])("lets containerd and podman run an image whose layers went as %s", async (compression) => {
    await using host = createTestHost({ env: { ...process.env, RUNNER_TOOL_CACHE: "" } });
    const layout = join(host.tempDirectory, "layout");
    const config = { Entrypoint: ["/bin/busybox", "echo", "it runs"] };
    await writeLayout(layout, { layers: [await echoLayer()], config });
    const given = { source: layout, image: `push/${compression}`, tags: "1", compression, "verify-pull": "node" };
    const inputs = { ...given, namespace: real.namespace };
    const { pullRef, pushRef } = await pushLocalRegistry(readInputs(actionInput("push-local-registry", inputs)), host);

    const name = `runs-${compression}`;
    const kubectl = (...args: string[]) => exec("kubectl", ["--namespace", real.namespace, ...args]);
    await kubectl("run", name, `--image=${pullRef}`, "--restart=Never");
    await kubectl("wait", `pod/${name}`, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s");
    expect((await kubectl("logs", name)).stdout).toBe("it runs\n");

    await using podman = await startPodman();
    const run = ["run", "--rm", "--network=none", "--tls-verify=false", pushRef];
    expect((await exec("podman", run, { env: podman.deps.env })).stdout).toBe("it runs\n");
  });
});

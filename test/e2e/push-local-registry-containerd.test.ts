import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/push-local-registry/inputs.ts";
import { pushLocalRegistry } from "../../actions/push-local-registry/push-local-registry.ts";
import { exec } from "../../lib/exec.ts";
import { silentLog } from "../../lib/log.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { verifyImage } from "../../lib/oci/verify-image.ts";
import { actionInput } from "../support/action-input.ts";
import { writeIndexLayout, writeLayout } from "../support/image-layout.ts";
import { containerdEnvironment } from "../support/node-containerd.ts";
import { runWithoutPull } from "../support/pod-without-pull.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost, type TestHost } from "../support/test-host.ts";

let real: RealCluster;
let env: NodeJS.ProcessEnv;
const made: string[] = [];
beforeAll(async () => {
  env = containerdEnvironment();
  real = await openRealCluster("containerd");
});
afterAll(async () => {
  await ctr("images", "rm", ...made);
  await real[Symbol.asyncDispose]();
});

const ctr = (...args: string[]) => exec("ctr", ["-n", "k8s.io", ...args], { env: { ...env }, ignoreExitCode: true });
const hosted = () => {
  const host = createTestHost({ env });
  return { ...host, exec: ((program, args, options) => exec(program, args, { env, ...options })) as TestHost["exec"] };
};
const push = (host: TestHost, inputs: Record<string, string>) =>
  pushLocalRegistry(readInputs(actionInput("push-local-registry", inputs)), host);

/** No two are the same: what lies behind the end of a tar is not read. */
const emptyTar = () => Buffer.concat([Buffer.alloc(1024), randomBytes(1024)]);

describe("push-local-registry beside the registry", () => {
  it("puts an image into the node's containerd, once, where a pod finds it by its digest", async () => {
    await using host = hosted();
    const layout = join(host.tempDirectory, "layout");
    const { digest } = await writeLayout(layout, { layers: [emptyTar()] });
    const repository = `containerd/side-${randomBytes(3).toString("hex")}`;
    const name = `${process.env.REGISTRY}/${repository}`;
    made.push(`${name}:1`, `${name}@${digest}`);
    const inputs = { source: layout, image: repository, tags: "1", target: "containerd" };
    const outputs = await push(host, inputs);
    expect(outputs).toEqual({
      registry: "",
      pushRef: "",
      pullRef: `${name}@${digest}`,
      inClusterRef: undefined,
      digest,
      pushedBytes: 0,
      skippedBytes: 0,
      verified: "none",
    });
    // With no program in the image it fails to start, and that proves the image is there.
    const { reason } = await runWithoutPull(real, outputs.pullRef, ["/nothing"]);
    expect(reason).toMatch(/StartError|RunContainerError|CreateContainerError/);
    await push(host, inputs);
    expect(host.lines.at(-1)).toBe(`${name}@${digest} is in this node already.`);
  });

  it("takes an image out of the node's containerd without a file between", async () => {
    await using host = hosted();
    const layout = join(host.tempDirectory, "layout");
    const architecture = process.arch === "arm64" ? "arm64" : "amd64";
    const other = architecture === "amd64" ? "arm64" : "amd64";
    const images = { [architecture]: { layers: [emptyTar()] }, [other]: { layers: [emptyTar()] } };
    const index = await writeIndexLayout(layout, images);
    const repository = `containerd/pulled-${randomBytes(3).toString("hex")}`;
    const pushed = await push(host, { source: layout, image: repository, tags: "1" });
    expect(pushed.digest).toBe(index.digest);
    const name = `${process.env.REGISTRY}/${repository}:1`;
    made.push(name);
    const pulled = await ctr("images", "pull", "--plain-http", name);
    expect(pulled.exitCode, pulled.stderr).toBe(0);

    // The node pulled its own platform of the two, and that one comes back.
    const again = await push(host, { source: `containerd:${name}`, image: `${repository}-again`, tags: "1" });
    expect(again.digest).not.toBe(index.digest);
    using client = openRegistry({ registry: process.env.REGISTRY ?? "", env: {}, log: silentLog });
    expect(await verifyImage(client, `${repository}-again`, again.digest, "full")).toBe("full");
    expect(host.lines).toContain(`${name}: of its platforms this node has one, ${again.digest}.`);
    await expect(push(host, { source: "containerd:acme/nothing:1", image: "a/b" })).rejects.toMatchObject({
      code: "source-absent",
    });
  });
});

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../actions/push-local-registry/inputs.ts";
import { writeOutputs } from "../../../actions/push-local-registry/outputs.ts";
import { pushLocalRegistry } from "../../../actions/push-local-registry/push-local-registry.ts";
import { exec } from "../../../lib/exec.ts";
import { actionInput } from "../../support/action-input.ts";
import { writeLayout } from "../../support/image-layout.ts";
import { freePort, startRegistry } from "../../support/registry.ts";
import { createTestHost, type TestHost } from "../../support/test-host.ts";

const noCluster = { PATH: process.env.PATH, HOME: "/nonexistent", KUBECONFIG: "" };

async function push(host: TestHost, inputs: Record<string, string>) {
  const outputs = await pushLocalRegistry(readInputs(actionInput("push-local-registry", inputs)), host);
  writeOutputs(host.output, outputs);
  return host.outputs;
}

describe("push-local-registry", () => {
  it("pushes a layout under its tags and names it for everybody", async () => {
    await using host = createTestHost({ env: noCluster });
    await using registry = await startRegistry();
    const layout = join(host.tempDirectory, "layout");
    const { digest } = await writeLayout(layout, { layers: [randomBytes(5000)] });
    const outputs = await push(host, {
      source: layout,
      image: "acme/base",
      tags: "1.0\nmain",
      registry: registry.host,
    });
    const reference = `${registry.host}/acme/base@${digest}`;
    expect(outputs).toEqual({
      registry: registry.host,
      "push-ref": reference,
      "pull-ref": reference,
      "in-cluster-ref": "",
      digest,
      "pushed-bytes": outputs["pushed-bytes"],
      "skipped-bytes": "0",
      verified: "size",
    });
    expect(Number(outputs["pushed-bytes"])).toBeGreaterThan(5000);

    const tags = await fetch(`http://${registry.host}/v2/acme/base/tags/list`);
    expect(await tags.json()).toEqual({ name: "acme/base", tags: expect.arrayContaining(["1.0", "main"]) });
  });

  it.each(["with", "without"])(
    "moves nothing for REPOSITORY@DIGEST %s the registry's name, but puts the tags",
    async (spelling) => {
      await using host = createTestHost({ env: noCluster });
      await using registry = await startRegistry();
      const layout = join(host.tempDirectory, "layout");
      const { digest } = await writeLayout(layout, { layers: [randomBytes(5000)] });
      await push(host, { source: layout, image: "acme/base", registry: registry.host });
      const source = `${spelling === "with" ? `${registry.host}/` : ""}acme/base@${digest}`;
      const outputs = await push(host, { source, tags: "again", registry: registry.host, verify: "full" });
      expect(outputs).toMatchObject({
        digest,
        "pushed-bytes": "0",
        verified: "full",
        "push-ref": `${registry.host}/acme/base@${digest}`,
      });
      const tags = await fetch(`http://${registry.host}/v2/acme/base/tags/list`);
      expect(await tags.json()).toEqual({ name: "acme/base", tags: ["again"] });
    },
  );

  it.each([
    ["source", { source: "" }, "Input source is empty"],
    ["image", { source: "x", image: "Acme/Base" }, 'Input image is "Acme/Base"'],
    ["tags", { source: "x", tags: "a b" }, 'Input tags is "a b"'],
    ["registry", { source: "x", registry: "http://localhost:5000" }, 'Input registry is "http://localhost:5000"'],
    ["parallel", { source: "x", parallel: "0" }, 'Input parallel is "0"'],
    ["verify", { source: "x", verify: "yes" }, 'Input verify is "yes"'],
    [
      "target",
      { source: "x", target: "layout:" },
      'Input target is "layout:"; allowed: registry, containerd, or layout:FOLDER.',
    ],
    ["attestations", { source: "x", attestations: "no" }, 'Input attestations is "no"; allowed: auto, keep, drop.'],
    [
      "compression",
      { source: "x", compression: "zip" },
      'Input compression is "zip"; allowed: auto, none, zstd, gzip.',
    ],
    [
      "compression",
      { source: "x", compression: "zstd", target: "containerd" },
      'Input compression is "zstd"; allowed: auto or none where target is no registry',
    ],
    ["verify-pull", { source: "x", target: "containerd", "verify-pull": "node" }, 'Input verify-pull is "node"'],
    ["password", { source: "x", username: "ada" }, "Input password is empty"],
  ])("refuses a wrong %s before it asks anybody", (_name, inputs, message) => {
    expect(() => readInputs(actionInput("push-local-registry", inputs))).toThrow(message);
  });

  it("compresses layers when asked, keeps what they became, and gives the new digest", async () => {
    await using host = createTestHost({ env: noCluster });
    await using registry = await startRegistry();
    const layout = join(host.tempDirectory, "layout");
    const { digest } = await writeLayout(layout, { layers: [Buffer.alloc(100_000)] });
    const env = { ...noCluster, RUNNER_TOOL_CACHE: join(host.tempDirectory, "cache") };
    const inputs = { source: layout, image: "acme/base", registry: registry.host, compression: "zstd", verify: "full" };
    const first = { ...(await push({ ...host, env }, inputs)) };
    expect(first.digest).not.toBe(digest);
    expect(first["push-ref"]).toBe(`${registry.host}/acme/base@${first.digest}`);
    expect(await push({ ...host, env }, inputs)).toMatchObject({ digest: first.digest, "pushed-bytes": "0" });
  });

  it("writes an OCI layout instead, which needs no registry", async () => {
    await using host = createTestHost({ env: { ...noCluster, GITHUB_WORKSPACE: "" } });
    const layout = join(host.tempDirectory, "layout");
    const { digest } = await writeLayout(layout, { layers: [randomBytes(5000)] });
    const folder = join(host.tempDirectory, "out");
    const inputs = { source: layout, image: "acme/base", tags: "1.0", target: `layout:${folder}` };
    const outputs = await push(host, { ...inputs, registry: `localhost:${await freePort()}` });
    expect(outputs).toMatchObject({ registry: "", "push-ref": "", "pull-ref": "", digest, verified: "none" });
    const { stdout } = await exec("skopeo", ["inspect", "--format", "{{.Digest}}", `oci:${folder}:1.0`]);
    expect(stdout.trim()).toBe(digest);
  });

  it("names a missing source, and a missing registry", async () => {
    await using host = createTestHost({ env: noCluster });
    await using registry = await startRegistry();
    await expect(push(host, { source: "nowhere", image: "a/b", registry: registry.host })).rejects.toMatchObject({
      code: "source-absent",
    });
    const layout = join(host.tempDirectory, "layout");
    await writeLayout(layout, { layers: [] });
    const nobody = `localhost:${await freePort()}`;
    await expect(push(host, { source: layout, image: "a/b", registry: nobody })).rejects.toMatchObject({
      code: "registry-unreachable",
    });
    await expect(push(host, { source: layout, registry: registry.host })).rejects.toThrow("Input image is empty");
  });
});

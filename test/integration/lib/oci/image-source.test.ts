import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Exec, exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";
import { withoutAttestations } from "../../../../lib/oci/attestations.ts";
import { digestOf } from "../../../../lib/oci/digest.ts";
import { openImageSource } from "../../../../lib/oci/image-source.ts";
import { blobPath, openLayout } from "../../../../lib/oci/layout-source.ts";
import { pushImage } from "../../../../lib/oci/push-image.ts";
import { openRegistry } from "../../../../lib/oci/registry-client.ts";
import { verifyImage } from "../../../../lib/oci/verify-image.ts";
import { writeLayout as writeTarget } from "../../../../lib/oci/write-layout.ts";
import { writeBlob, writeIndexLayout, writeLayout } from "../../../support/image-layout.ts";
import { startPodman, type TestPodman } from "../../../support/podman.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";

let folder: string;
let podman: TestPodman;
let registry: TestRegistry;
/** Digest of the configuration, which docker calls the image's id: the same in every form. */
let id: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-sources-"));
  registry = await startRegistry();
  podman = await startPodman();
  for (const [layer, base] of [
    ["one", "scratch"],
    ["two", "localhost/acme/made:1"],
  ] as const) {
    await writeFile(join(folder, layer), randomBytes(200_000));
    await run("buildah", "from", "--name", layer, base);
    await run("buildah", "copy", layer, join(folder, layer), `/${layer}`);
    await run("buildah", "commit", "--rm", layer, "localhost/acme/made:1");
  }
  id = (await run("podman", "inspect", "--format", "{{.Id}}", "localhost/acme/made:1")).trim();
});
afterAll(async () => {
  await podman[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function run(program: string, ...args: string[]): Promise<string> {
  return (await exec(program, args, { env: podman.deps.env })).stdout;
}

// The store is the test's own.
const inStore: Exec = (program, args, options) => exec(program, args, { ...options, env: podman.deps.env });

/** Pushes it, reads every byte back, and gives what the registry has. */
async function push(source: string, repository: string) {
  const deps = { ...podman.deps, exec: inStore, tempDirectory: folder };
  const open = () => openRegistry({ registry: registry.host, env: {}, log: silentLog });
  using client = open();
  await using image = await openImageSource({ source, registryOf: open, deps });
  const { digest } = await pushImage({ source: image, client, repository, tags: ["1"], parallel: 2, log: silentLog });
  await verifyImage(client, repository, digest, "full");
  const raw = await run(
    "skopeo",
    "inspect",
    "--raw",
    "--tls-verify=false",
    `docker://${registry.host}/${repository}:1`,
  );
  return JSON.parse(raw) as { config: { digest: string }; layers: { mediaType: string }[] };
}

describe("an image as podman, buildah and skopeo keep it", () => {
  const saved = (name: string) => join(folder, name);

  it.each(["docker-archive", "oci-archive", "oci-dir"])("podman's %s is pushed as it is", async (format) => {
    await run("podman", "save", "--format", format, "-o", saved(format), "localhost/acme/made:1");
    const { config, layers } = await push(saved(format), `acme/${format}`);
    expect([config.digest, layers.length]).toEqual([`sha256:${id}`, 2]);
  });

  it("the store itself is read, and what was saved of it on the way is removed", async () => {
    const { config, layers } = await push("containers-storage:localhost/acme/made:1", "acme/store");
    expect([config.digest, layers.length]).toEqual([`sha256:${id}`, 2]);
    expect((await run("find", folder, "-name", "image-*")).trim()).toBe("");
  });

  it.each([
    ["gzip", "application/vnd.oci.image.layer.v1.tar+gzip"],
    ["zstd", "application/vnd.oci.image.layer.v1.tar+zstd"],
  ])("layers of %s stay as they are", async (format, mediaType) => {
    const layout = saved(`layout-${format}`);
    const compressed = ["--dest-compress", "--dest-compress-format", format];
    await run("skopeo", "copy", "-q", ...compressed, "containers-storage:localhost/acme/made:1", `oci:${layout}:1`);
    const { config, layers } = await push(layout, `acme/${format}`);
    expect(layers.map((layer) => layer.mediaType)).toEqual([mediaType, mediaType]);
    expect(config.digest).toBe(`sha256:${id}`);
  });

  it("another registry's image is streamed", async () => {
    await using other = await startRegistry();
    const name = `${other.host}/acme/far`;
    await run("podman", "push", "-q", "--tls-verify=false", "localhost/acme/made:1", `${name}:1`);
    const digest = await run(
      "skopeo",
      "inspect",
      "--tls-verify=false",
      "--format",
      "{{.Digest}}",
      `docker://${name}:1`,
    );
    using far = openRegistry({ registry: other.host, env: {}, log: silentLog });
    await using image = await openImageSource({
      source: `${name}@${digest.trim()}`,
      registryOf: () => far,
      deps: podman.deps,
    });
    using client = openRegistry({ registry: registry.host, env: {}, log: silentLog });
    await pushImage({ source: image, client, repository: "acme/near", tags: [], parallel: 2, log: silentLog });
    expect(await verifyImage(client, "acme/near", digest.trim(), "full")).toBe("full");
  });
});

describe("a layer that may not be passed on", () => {
  it("is left to whoever runs the image, and not read from the source", async () => {
    const layout = join(folder, "foreign");
    const { digest } = await writeLayout(layout, { layers: [randomBytes(500)] });
    const document = JSON.parse(await readFile(blobPath(layout, digest), "utf8")) as { layers: object[] };
    const foreign = `sha256:${"f".repeat(64)}`;
    const mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    document.layers.unshift({ mediaType, digest: foreign, size: 5000, urls: ["https://vendor.example/layer"] });
    const next = await writeBlob(
      layout,
      "application/vnd.oci.image.manifest.v1+json",
      Buffer.from(JSON.stringify(document)),
    );
    await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [next] }));
    expect(await push(layout, "acme/foreign")).toMatchObject({ layers: [{ mediaType }, {}] });
  });
});

describe("an OCI layout as a target", () => {
  it("is what skopeo reads; what is there is kept, what was damaged is written again", async () => {
    const from = join(folder, "from");
    const layer = randomBytes(3000);
    const { digest } = await writeLayout(from, { layers: [layer, randomBytes(2000)] });
    const target = join(folder, "target");
    const first = await writeTarget(await openLayout(from), target, ["localhost:32000/acme/app:1"]);
    expect(first.digest).toBe(digest);
    expect((await run("skopeo", "inspect", "--format", "{{.Digest}}", `oci:${target}:1`)).trim()).toBe(digest);
    const all = first.pushedBytes;
    expect(await writeTarget(await openLayout(from), target, [])).toEqual({
      digest,
      pushedBytes: 0,
      skippedBytes: all,
    });

    await writeFile(blobPath(target, digestOf(layer)), "cut");
    const again = await writeTarget(await openLayout(from), target, []);
    expect(again).toEqual({ digest, pushedBytes: 3000, skippedBytes: all - 3000 });
    await rm(join(from, "blobs"), { recursive: true });
    expect((await push(target, "acme/from-target")).layers).toHaveLength(2);
  });
});

describe("attestations", () => {
  const attest = async (layout: string, architectures: readonly string[]) => {
    const images = Object.fromEntries(architectures.map((name) => [name, { layers: [randomBytes(500)] }]));
    await writeIndexLayout(layout, images);
    const source = await openLayout(layout);
    const bytes = Buffer.concat((await (await source.open(source.root)).toArray()) as Buffer[]);
    const document = JSON.parse(bytes.toString()) as { manifests: object[] };
    const statement = await writeBlob(
      layout,
      "application/vnd.oci.image.manifest.v1+json",
      Buffer.from('{"schemaVersion":2}'),
    );
    const annotations = { "vnd.docker.reference.type": "attestation-manifest" };
    document.manifests.push({ ...statement, annotations, platform: { os: "unknown", architecture: "unknown" } });
    const next = await writeBlob(layout, source.root.mediaType, Buffer.from(JSON.stringify(document)));
    await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [next] }));
    return document.manifests as { digest: string }[];
  };

  it("are left out, and one platform needs no index then", async () => {
    const [image] = await attest(join(folder, "attested"), ["amd64"]);
    const source = await withoutAttestations(await openLayout(join(folder, "attested")), silentLog);
    expect(source.root).toMatchObject({
      digest: image?.digest,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
    });
  });

  it("are left out of an index, which keeps its platforms", async () => {
    const [one, two] = await attest(join(folder, "attested-two"), ["amd64", "arm64"]);
    const source = await withoutAttestations(await openLayout(join(folder, "attested-two")), silentLog);
    const written = await writeTarget(source, join(folder, "plain-two"), []);
    const raw = await run("skopeo", "inspect", "--raw", `oci:${join(folder, "plain-two")}`);
    expect(JSON.parse(raw)).toMatchObject({ manifests: [{ digest: one?.digest }, { digest: two?.digest }] });
    expect(written.digest).toBe(source.root.digest);
  });
});

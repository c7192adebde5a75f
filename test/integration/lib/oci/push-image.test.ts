import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";
import { openArchive } from "../../../../lib/oci/archive-source.ts";
import { openLayout } from "../../../../lib/oci/layout-source.ts";
import { pushImage } from "../../../../lib/oci/push-image.ts";
import { openRegistry, type RegistryClient } from "../../../../lib/oci/registry-client.ts";
import { openRegistryImage } from "../../../../lib/oci/registry-source.ts";
import type { ImageSource } from "../../../../lib/oci/source.ts";
import { verifyImage } from "../../../../lib/oci/verify-image.ts";
import { writeIndexLayout, writeLayout } from "../../../support/image-layout.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { kindOf, startRegistryProxy } from "../../../support/registry-proxy.ts";

let registry: TestRegistry;
let folder: string;
let client: RegistryClient;

beforeAll(async () => {
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-push-"));
  client = open(registry.host);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function open(host: string): RegistryClient {
  return openRegistry({ registry: host, env: {}, log: silentLog });
}

async function push(source: ImageSource, repository: string, tags: readonly string[], to = client) {
  return pushImage({ source, client: to, repository, tags, parallel: 3, log: silentLog });
}

async function inspect(reference: string): Promise<string> {
  const { stdout } = await exec("skopeo", [
    "inspect",
    "--tls-verify=false",
    "--format",
    "{{.Digest}}",
    `docker://${reference}`,
  ]);
  return stdout.trim();
}

describe("pushImage", () => {
  it("writes what skopeo finds under each tag, and moves nothing the second time", async () => {
    const layers = [randomBytes(3_000_000), randomBytes(1000), randomBytes(500_000)];
    const manifest = await writeLayout(join(folder, "plain"), { layers });
    const first = await push(await openLayout(join(folder, "plain")), "acme/base", ["1.0", "main"]);
    expect(first).toEqual({ digest: manifest.digest, pushedBytes: first.pushedBytes, skippedBytes: 0 });
    expect(first.pushedBytes).toBeGreaterThan(3_501_000);
    expect([await inspect(`${registry.host}/acme/base:1.0`), await inspect(`${registry.host}/acme/base:main`)]).toEqual(
      [manifest.digest, manifest.digest],
    );
    const again = await push(await openLayout(join(folder, "plain")), "acme/base", ["1.0", "main"]);
    expect(again).toEqual({ digest: manifest.digest, pushedBytes: 0, skippedBytes: first.pushedBytes });
  });

  it("asks twice and sends nothing when two tags name the image and nobody wants its blobs checked", async () => {
    await writeLayout(join(folder, "quiet"), { layers: [randomBytes(1000)] });
    await push(await openLayout(join(folder, "quiet")), "acme/quiet", ["1", "main"]);
    await using proxy = await startRegistryProxy(registry.host);
    using through = open(proxy.host);
    const source = await openLayout(join(folder, "quiet"));
    await pushImage({
      source,
      client: through,
      repository: "acme/quiet",
      tags: ["1", "main"],
      parallel: 3,
      checkBlobs: false,
      log: silentLog,
    });
    expect(proxy.requests.map(({ method }) => method)).toEqual(["HEAD", "HEAD"]);
  });

  it("sends only the layer that is new", async () => {
    const common = randomBytes(200_000);
    await writeLayout(join(folder, "old"), { layers: [common] });
    await writeLayout(join(folder, "new"), { layers: [common, randomBytes(1000)] });
    await push(await openLayout(join(folder, "old")), "acme/grown", []);
    const grown = await push(await openLayout(join(folder, "new")), "acme/grown", []);
    expect(grown.pushedBytes).toBeLessThan(2000);
    expect(grown.skippedBytes).toBe(200_000);
  });

  it("mounts blobs of another repository of the same registry", async () => {
    const manifest = await writeLayout(join(folder, "mounted"), { layers: [randomBytes(100_000)] });
    await push(await openLayout(join(folder, "mounted")), "acme/from", []);
    const result = await push(await openRegistryImage(open(registry.host), "acme/from", manifest.digest), "acme/to", [
      "1",
    ]);
    expect(result.pushedBytes).toBe(0);
    expect(await verifyImage(client, "acme/to", manifest.digest, "full")).toBe("full");
  });

  it("mounts what a repository nobody named holds, and sends the rest", async () => {
    await using own = await startRegistry();
    using through = open(own.host);
    const common = [randomBytes(9_000_000), randomBytes(1000)];
    await writeLayout(join(folder, "team"), { layers: common });
    await push(await openLayout(join(folder, "team")), "acme/base", [], through);
    const manifest = await writeLayout(join(folder, "stranger"), { layers: [...common, randomBytes(2000)] });
    const result = await push(await openLayout(join(folder, "stranger")), "other/app", ["1"], through);
    expect(result.pushedBytes).toBeLessThan(4000);
    expect(await verifyImage(through, "other/app", manifest.digest, "full")).toBe("full");
  });

  it("streams an image from another registry", async () => {
    await using other = await startRegistry();
    const manifest = await writeLayout(join(folder, "far"), { layers: [randomBytes(100_000)] });
    using otherClient = open(other.host);
    await push(await openLayout(join(folder, "far")), "acme/far", [], otherClient);
    await push(await openRegistryImage(otherClient, "acme/far", manifest.digest), "acme/near", ["1"]);
    expect(await inspect(`${registry.host}/acme/near:1`)).toBe(manifest.digest);
  });

  it("pushes an index with all its platforms", async () => {
    const amd64 = { layers: [randomBytes(1000)] };
    const arm64 = { layers: [randomBytes(2000)] };
    const index = await writeIndexLayout(join(folder, "index"), { amd64, arm64 });
    const { digest } = await push(await openLayout(join(folder, "index")), "acme/multi", ["1"]);
    expect(digest).toBe(index.digest);
    expect(await verifyImage(client, "acme/multi", digest, "full")).toBe("full");
    const { stdout } = await exec("skopeo", [
      "inspect",
      "--tls-verify=false",
      "--raw",
      `docker://${registry.host}/acme/multi:1`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      manifests: [{ platform: { architecture: "amd64" } }, { platform: { architecture: "arm64" } }],
    });
  });

  it("reads a tarred layout, and what docker save writes, without unpacking them", async () => {
    const manifest = await writeLayout(join(folder, "tarred"), { layers: [randomBytes(70_000)] });
    await create({ cwd: join(folder, "tarred"), file: join(folder, "oci.tar") }, ["."]);
    expect((await push(await openArchive(join(folder, "oci.tar")), "acme/tarred", [])).digest).toBe(manifest.digest);

    const saved = join(folder, "docker.tar");
    await exec("skopeo", [
      "copy",
      "--quiet",
      "--insecure-policy",
      `oci-archive:${join(folder, "oci.tar")}`,
      `docker-archive:${saved}:acme/saved:1`,
    ]);
    const source = await openArchive(saved);
    expect(source.name).toBe("docker.io/acme/saved:1");
    const { digest } = await push(source, "acme/saved", ["1"]);
    expect(await inspect(`${registry.host}/acme/saved:1`)).toBe(digest);
    expect(await verifyImage(client, "acme/saved", digest, "full")).toBe("full");
  });

  it("sends a docker image as docker's media types", async () => {
    const manifest = await writeLayout(join(folder, "docker"), { layers: [randomBytes(1000)], docker: true });
    await push(await openLayout(join(folder, "docker")), "acme/docker", ["1"]);
    expect(await inspect(`${registry.host}/acme/docker:1`)).toBe(manifest.digest);
  });

  it("writes no manifest when a blob of the source is not what its digest says", async () => {
    await writeLayout(join(folder, "damaged"), { layers: [randomBytes(1000)] });
    await exec("sh", [
      "-c",
      'for f in "$1"/blobs/sha256/*; do [ "$(wc -c <"$f")" = 1000 ] && printf x | dd of="$f" conv=notrunc status=none; done; true',
      "sh",
      join(folder, "damaged"),
    ]);
    await using proxy = await startRegistryProxy(registry.host);
    using through = open(proxy.host);
    await expect(push(await openLayout(join(folder, "damaged")), "acme/damaged", ["1"], through)).rejects.toMatchObject(
      {
        code: "content-damaged",
      },
    );
    expect(proxy.requests.filter(({ method, path }) => method === "PUT" && kindOf({ path }) === "manifest")).toEqual(
      [],
    );
  });
});

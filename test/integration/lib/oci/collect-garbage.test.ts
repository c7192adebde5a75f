import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { localStorageHost } from "../../../../actions/registry-care/storage-hosts.ts";
import { exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";
import { collectGarbage } from "../../../../lib/oci/collect-garbage.ts";
import { deleteManifest, listRepositories } from "../../../../lib/oci/registry-catalog.ts";
import { openRegistry } from "../../../../lib/oci/registry-client.ts";
import { openStorage } from "../../../../lib/oci/registry-storage.ts";
import { verifyImage } from "../../../../lib/oci/verify-image.ts";
import { findDamagedImages } from "../../../../lib/oci/verify-inventory.ts";
import { ageFiles, pushDatedImage } from "../../../support/dated-image.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";

const host = localStorageHost(exec, new AbortController().signal);
const open = ({ host: name }: TestRegistry) => openRegistry({ registry: name, env: {}, log: silentLog });

async function collect(registry: TestRegistry, quietMinutes = 10): Promise<number> {
  using client = open(registry);
  const storage = await openStorage(host, registry.configuration);
  return collectGarbage({ storage, repositories: await listRepositories(client), quietMinutes, log: silentLog });
}

/** A registry with one image that stays and one that was deleted, both on a layer of 300 kB; the deleted one has 200 kB of its own. */
async function startWithGarbage() {
  const registry = await startRegistry();
  const base = randomBytes(300_000);
  const push = (tags: readonly string[], ...own: Buffer[]) =>
    pushDatedImage({ registry: registry.host, repository: "acme/app", tags, layers: [base, ...own] });
  const kept = await push(["kept"]);
  const gone = await push(["gone"], randomBytes(200_000));
  using client = open(registry);
  await deleteManifest(client, "acme/app", gone);
  return { registry, kept };
}

function blobFile(registry: TestRegistry, digest: string): string {
  const hex = digest.slice("sha256:".length);
  return join(registry.root, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
}

describe("collectGarbage", () => {
  it("frees what no image needs, and everything that stays can be pulled by others", async () => {
    const { registry, kept } = await startWithGarbage();
    await using _ = registry;
    await ageFiles(registry.root);
    const freed = await collect(registry);
    expect(freed).toBeGreaterThan(200_000);
    expect(freed).toBeLessThan(205_000);
    const target = join(registry.root, "../pulled");
    await exec("skopeo", [
      "copy",
      "--src-tls-verify=false",
      `docker://${registry.host}/acme/app@${kept}`,
      `oci:${target}:kept`,
    ]);
    expect((await readdir(join(target, "blobs/sha256"))).length).toBe(3);
    using client = open(registry);
    expect(await findDamagedImages(client)).toEqual([]);
    await ageFiles(registry.root);
    expect(await collect(registry)).toBe(0);
  });

  it("keeps every platform of an index, which the registry's own deletion of untagged images would break", async () => {
    const { registry } = await startWithGarbage();
    await using _ = registry;
    const index = await pushDatedImage({ registry: registry.host, repository: "acme/multi", tags: ["1"], index: true });
    await ageFiles(registry.root);
    expect(await collect(registry)).toBeGreaterThan(200_000);
    using client = open(registry);
    expect(await verifyImage(client, "acme/multi", index, "full")).toBe("full");
  });

  it("refuses while an upload is in progress, and frees nothing", async () => {
    const { registry } = await startWithGarbage();
    await using _ = registry;
    await ageFiles(registry.root);
    const session = await fetch(`http://${registry.host}/v2/acme/app/blobs/uploads/`, { method: "POST" });
    expect(session.status).toBe(202);
    await expect(collect(registry)).rejects.toMatchObject({
      code: "registry-busy",
      retryable: true,
      message: expect.stringContaining("An upload is in progress: repositories/acme/app/_uploads/"),
    });
  });

  it("refuses after a blob came whose manifest may follow; not when told to look at nothing", async () => {
    const { registry } = await startWithGarbage();
    await using _ = registry;
    await expect(collect(registry)).rejects.toMatchObject({
      code: "registry-busy",
      message: expect.stringContaining("Something was pushed"),
    });
    expect(await collect(registry, 0)).toBeGreaterThan(200_000);
  });

  it("forgets an upload that was given up an hour ago", async () => {
    const { registry } = await startWithGarbage();
    await using _ = registry;
    await fetch(`http://${registry.host}/v2/acme/app/blobs/uploads/`, { method: "POST" });
    await ageFiles(registry.root);
    expect(await collect(registry)).toBeGreaterThan(200_000);
  });

  it("refuses the files of another registry", async () => {
    const { registry } = await startWithGarbage();
    await using _ = registry;
    await using other = await startRegistry();
    await pushDatedImage({ registry: other.host, repository: "acme/other", tags: ["1"] });
    const storage = await openStorage(host, other.configuration);
    await expect(
      collectGarbage({ storage, repositories: ["acme/app"], quietMinutes: 0, log: silentLog }),
    ).rejects.toMatchObject({ code: "storage-mismatch", message: expect.stringContaining("acme/app") });
  });

  it("names a configuration that is not there, and a storage that is no folder", async () => {
    await expect(openStorage(host, "/nowhere/config.yml")).rejects.toMatchObject({ code: "storage-unreadable" });
  });
});

describe("findDamagedImages", () => {
  it("names the images whose blob is missing or cut", async () => {
    await using registry = await startRegistry();
    const layer = randomBytes(5000);
    const digest = await pushDatedImage({
      registry: registry.host,
      repository: "acme/app",
      tags: ["1", "main"],
      layers: [layer],
    });
    await pushDatedImage({ registry: registry.host, repository: "acme/app", tags: ["whole"] });
    using client = open(registry);
    const { config } = JSON.parse(String((await client.getManifest("acme/app", digest)).bytes)) as {
      config: { digest: string };
    };
    await rm(blobFile(registry, config.digest));
    const [damaged, ...others] = await findDamagedImages(client);
    expect([damaged?.digest, damaged?.tags, others]).toEqual([digest, ["1", "main"], []]);
    expect(damaged?.why).toContain(config.digest);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { digestOf } from "../../../../lib/oci/digest.ts";
import { pruneImages } from "../../../../lib/oci/prune.ts";
import { readInventory } from "../../../../lib/oci/prune-inventory.ts";
import { type PrunePolicy, planPrune } from "../../../../lib/oci/prune-plan.ts";
import { deleteManifest, listRepositories, listTags } from "../../../../lib/oci/registry-catalog.ts";
import { openRegistry, type RegistryClient } from "../../../../lib/oci/registry-client.ts";
import { verifyImage } from "../../../../lib/oci/verify-image.ts";
import { pushDatedImage } from "../../../support/dated-image.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { kindOf, startRegistryProxy } from "../../../support/registry-proxy.ts";

let registry: TestRegistry;
let client: RegistryClient;

beforeAll(async () => {
  registry = await startRegistry();
  client = open(registry.host);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await registry[Symbol.asyncDispose]();
});

function open(host: string): RegistryClient {
  return openRegistry({ registry: host, env: {}, log: silentLog, retry: { attempts: 4, baseMs: 1, maxMs: 5 } });
}

function policy(repository: string): PrunePolicy {
  return {
    keepLast: undefined,
    keepDays: 10,
    branchTags: new Set(),
    protect: [],
    protectVersions: true,
    untagged: false,
    used: { digests: new Set(), names: new Set() },
    repositories: [repository],
  };
}

async function prune(repository: string, through = client) {
  const plan = planPrune(await readInventory(through), policy(repository), new Date());
  return pruneImages(through, plan, silentLog);
}

const push = (repository: string, days: number | undefined, ...tags: string[]) =>
  pushDatedImage({ registry: registry.host, repository, tags, ...(days === undefined ? {} : { days }) });

describe("the catalog of a registry", () => {
  it("is read to its last page, tags too", async () => {
    await using many = await startRegistry();
    const repositories = Array.from({ length: 103 }, (_, at) => `many/r${String(at).padStart(3, "0")}`);
    for (const repository of repositories)
      await pushDatedImage({ registry: many.host, repository, tags: ["b", "a"], layers: [] });
    using through = open(many.host);
    expect(await listRepositories(through)).toEqual(repositories);
    expect(await listTags(through, "many/r007")).toEqual(["a", "b"]);
    expect(await listTags(through, "many/none")).toEqual([]);
  });

  it("says so when a registry does not give it", async () => {
    await using proxy = await startRegistryProxy(registry.host, ({ path }) =>
      path.includes("_catalog") ? { status: 404 } : undefined,
    );
    using through = open(proxy.host);
    await expect(readInventory(through)).rejects.toMatchObject({ code: "catalog-absent" });
  });
});

describe("pruneImages", () => {
  it("deletes what is old with all its tags, and leaves what is young, unknown or a version", async () => {
    await push("acme/plain", 30, "old", "older-name");
    await push("acme/plain", 5, "young");
    await push("acme/plain", undefined, "unknown");
    await push("acme/plain", 30, "1.2.3", "main");
    const { deleted } = await prune("acme/plain");
    expect(deleted.map(({ tags }) => tags)).toEqual([["old", "older-name"]]);
    expect(await listTags(client, "acme/plain")).toEqual(["1.2.3", "main", "unknown", "young"]);
  });

  it("deletes an index with its platforms, and nothing that another index needs", async () => {
    const common = { registry: registry.host, repository: "acme/multi", index: true };
    await pushDatedImage({ ...common, tags: ["old"], days: 30 });
    const kept = await pushDatedImage({ ...common, tags: ["young"], days: 1 });
    const { deleted } = await prune("acme/multi");
    expect(deleted.length).toBe(3);
    expect(await verifyImage(client, "acme/multi", kept, "full")).toBe("full");
  });

  it("spares an image that was tagged anew after the decision", async () => {
    const digest = await push("acme/race", 30, "old");
    const plan = planPrune(await readInventory(client), policy("acme/race"), new Date());
    await client.putManifest("acme/race", "latest", await client.getManifest("acme/race", digest));
    const result = await pruneImages(client, plan, silentLog);
    expect([result.deleted, result.spared.map((entry) => entry.digest)]).toEqual([[], [digest]]);
    expect(await listTags(client, "acme/race")).toEqual(["latest", "old"]);
  });

  it("spares an image that became part of a new index after the decision", async () => {
    const digest = await push("acme/joined", 30, "old");
    const plan = planPrune(await readInventory(client), policy("acme/joined"), new Date());
    const { descriptor } = await client.getManifest("acme/joined", digest);
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [descriptor] }));
    const index = { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
    await client.putManifest("acme/joined", "all", index);
    const result = await pruneImages(client, plan, silentLog);
    expect([result.deleted, result.spared.map((entry) => entry.digest)]).toEqual([[], [digest]]);
    expect(await verifyImage(client, "acme/joined", index.descriptor.digest, "full")).toBe("full");
  });

  it("leaves an image alone whose manifest it cannot read", async () => {
    const digest = await push("acme/damaged", 30, "old");
    const blob = `/blobs/${(JSON.parse(String((await client.getManifest("acme/damaged", digest)).bytes)) as { config: { digest: string } }).config.digest}`;
    await using proxy = await startRegistryProxy(registry.host, ({ path }) =>
      path.endsWith(blob) ? { status: 404 } : undefined,
    );
    using through = open(proxy.host);
    expect((await prune("acme/damaged", through)).deleted).toEqual([]);
  });

  it("changes nothing in a registry that does not delete, and names the setting", async () => {
    await using strict = await startRegistry({ deletes: false });
    await pushDatedImage({ registry: strict.host, repository: "acme/app", tags: ["old"], days: 30 });
    using through = open(strict.host);
    await expect(prune("acme/app", through)).rejects.toMatchObject({
      code: "registry-delete-disabled",
      hint: expect.stringContaining("storage.delete.enabled"),
    });
    expect(await listTags(through, "acme/app")).toEqual(["old"]);
  });

  it("bears failures of the registry in between, also an acknowledgement that is lost", async () => {
    const digest = await push("acme/faults", 30, "old");
    await using proxy = await startRegistryProxy(registry.host, (request, earlier) => {
      if (request.method === "DELETE") return earlier === 0 ? "lose-answer" : undefined;
      return kindOf(request) === "manifest" && earlier === 0 ? { status: 503 } : undefined;
    });
    using through = open(proxy.host);
    expect((await prune("acme/faults", through)).deleted.map((entry) => entry.digest)).toEqual([digest]);
    expect(await deleteManifest(client, "acme/faults", digest)).toBe(false);
  });

  it("deletes nothing when a part of the registry cannot be read", async () => {
    await push("acme/half", 30, "old");
    await using proxy = await startRegistryProxy(registry.host, ({ path }) =>
      path.startsWith("/v2/acme/plain/tags") ? { status: 500 } : undefined,
    );
    using through = open(proxy.host);
    await expect(prune("acme/half", through)).rejects.toMatchObject({ code: "registry-unavailable" });
    expect(proxy.requests.filter(({ method }) => method === "DELETE")).toEqual([]);
  });
});

import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CancelledError } from "../../../../lib/error.ts";
import { exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";
import { openLayout } from "../../../../lib/oci/layout-source.ts";
import { pushImage } from "../../../../lib/oci/push-image.ts";
import { openRegistry, type RegistryOptions } from "../../../../lib/oci/registry-client.ts";
import { verifyImage } from "../../../../lib/oci/verify-image.ts";
import { type TestDescriptor, writeLayout } from "../../../support/image-layout.ts";
import { freePort, startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { type Fault, type Faults, kindOf, startRegistryProxy } from "../../../support/registry-proxy.ts";

const size = 12_000_000;
let registry: TestRegistry;
let folder: string;
let manifest: TestDescriptor;
let layer: string;

beforeAll(async () => {
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-faults-"));
  const bytes = randomBytes(size);
  manifest = await writeLayout(folder, { layers: [bytes] });
  layer = createHash("sha256").update(bytes).digest("hex");
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Hides the other repositories: what they hold would be mounted, and nothing of it sent. */
async function startProxy(upstream: string, faults: Faults) {
  return startRegistryProxy(upstream, (request, earlier) =>
    request.path.startsWith("/v2/_catalog") ? { status: 404 } : faults(request, earlier),
  );
}

/** Pushes to a repository of its own through a proxy that does harm, then asks the registry itself what it has. */
async function pushThrough(repository: string, faults: Faults, options: Partial<RegistryOptions> = {}) {
  await using proxy = await startProxy(registry.host, faults);
  const startedAt = performance.now();
  await push(proxy.host, repository, options);
  const durationMs = performance.now() - startedAt;
  using direct = openRegistry({ registry: registry.host, env: {}, log: silentLog });
  expect(await verifyImage(direct, repository, manifest.digest, "full")).toBe("full");
  expect((await direct.headManifest(repository, "1"))?.digest).toBe(manifest.digest);
  const sent = proxy.requests.filter(({ method }) => method === "PUT").reduce((sum, { bytes }) => sum + bytes, 0);
  return { requests: proxy.requests, sent, durationMs };
}

async function push(host: string, repository: string, options: Partial<RegistryOptions> = {}) {
  using client = openRegistry({
    registry: host,
    env: {},
    log: silentLog,
    retry: { attempts: 8, baseMs: 20, maxMs: 500 },
    ...options,
  });
  const source = await openLayout(folder);
  return pushImage({ source, client, repository, tags: ["1"], parallel: 3, log: silentLog });
}

const when =
  (method: string, kind: string, times: number, fault: Fault): Faults =>
  (request, earlier) =>
    request.method === method && kindOf(request) === kind && earlier < times ? fault : undefined;

describe("a push survives", () => {
  it.each([
    ["503 on the start of uploads", "POST", "upload", 2, { status: 503 }],
    ["500 on lookups", "HEAD", "blob", 3, { status: 500 }],
    ["503 instead of a blob's acknowledgement", "PUT", "upload", 1, { status: 503 }],
    ["a reset in the middle of a blob", "PUT", "upload", 1, { resetAfterBytes: 5_000_000 }],
    ["three resets in the middle of a blob", "PUT", "upload", 3, { resetAfterBytes: 5_000_000 }],
    ["an upload that the registry forgot", "PUT", "upload", 1, { status: 404 }],
    ["500 on the manifest", "PUT", "manifest", 2, { status: 500 }],
    ["a lost acknowledgement of the manifest", "PUT", "manifest", 1, "lose-answer"],
  ] as const)("%s", async (name, method, kind, times, fault) => {
    const repository = `faults/${name.replaceAll(/\W+/g, "-").toLowerCase()}`;
    const { requests } = await pushThrough(repository, when(method, kind, times, fault));
    expect(requests.filter((request) => request.method === method && kindOf(request) === kind).length).toBeGreaterThan(
      times,
    );
  });

  it("a lost acknowledgement of a blob without sending it again", async () => {
    const { sent } = await pushThrough("faults/ack", when("PUT", "upload", 2, "lose-answer"));
    expect(sent).toBeLessThan(size + 10_000);
  });

  it("429 by waiting as long as it was told", async () => {
    const fault: Fault = { status: 429, headers: { "retry-after": "1" } };
    const { durationMs } = await pushThrough("faults/busy", when("POST", "upload", 2, fault));
    expect(durationMs).toBeGreaterThan(1000);
  });

  it("an upload that stands still, by a deadline on progress", async () => {
    const deadlines = { progressMs: 300, responseMs: 2000, connectMs: 2000 };
    await pushThrough("faults/stall", when("PUT", "upload", 1, "stall"), { deadlines });
  });

  it("a registry that sends every blob on to another host", async () => {
    const elsewhere = { redirectTo: registry.host.replace("localhost", "127.0.0.1") };
    const { requests } = await pushThrough("faults/redirected", ({ method, path }) =>
      kindOf({ path }) === "blob" || (method === "PUT" && kindOf({ path }) === "upload") ? elsewhere : undefined,
    );
    expect(requests.filter(({ method }) => method === "PUT").length).toBe(4);
  });

  it("garbage that is collected before the manifest names its blobs", async () => {
    await using own = await startRegistry();
    const before = async () => {
      await exec("docker-registry", ["garbage-collect", own.configuration]);
    };
    await using proxy = await startProxy(own.host, when("PUT", "manifest", 1, { before }));
    await push(proxy.host, "faults/collected");
    using direct = openRegistry({ registry: own.host, env: {}, log: silentLog });
    expect(await verifyImage(direct, "faults/collected", manifest.digest, "full")).toBe("full");
    const sent = proxy.requests.filter(({ method }) => method === "PUT").reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent).toBeGreaterThan(2 * size);
  });

  it.each([
    ["layer", () => `_layers/sha256/${layer}/link`],
    ["manifest", () => `_manifests/revisions/sha256/${manifest.digest.slice(7)}/link`],
    ["tag", () => "_manifests/tags/1/current/link"],
  ])("the empty link file of a %s, which a crash left", async (kind, link) => {
    const repository = `faults/link-${kind}`;
    await push(registry.host, repository);
    await truncate(join(registry.root, "docker/registry/v2/repositories", repository, link()), 0);
    await pushThrough(repository, () => undefined);
  });

  it("a registry that is killed and comes back", async () => {
    await using mortal = await startRegistry();
    let killed: Promise<void> | undefined;
    const restart = async () => {
      await mortal.kill();
      await sleep(1500);
      await mortal.restart();
    };
    await using proxy = await startProxy(mortal.host, (request) => {
      if (request.method === "PUT" && !killed) killed = restart();
      return undefined;
    });
    await push(proxy.host, "faults/killed", { retry: { attempts: 12, baseMs: 100, maxMs: 1000 } });
    await killed;
    using direct = openRegistry({ registry: mortal.host, env: {}, log: silentLog });
    expect(await verifyImage(direct, "faults/killed", manifest.digest, "full")).toBe("full");
  });
});

describe("a push that is cancelled", () => {
  it("ends at once with the reason, also while an upload stands still", async () => {
    await using proxy = await startProxy(registry.host, when("PUT", "upload", 9, "stall"));
    const controller = new AbortController();
    const pushed = push(proxy.host, "faults/cancelled", { signal: controller.signal });
    setTimeout(() => controller.abort(new CancelledError("SIGINT")), 200);
    const startedAt = performance.now();
    await expect(pushed).rejects.toMatchObject({ exitCode: 130 });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe("a push refuses to call an image good", () => {
  it("whose blob was cut in the registry behind an intact manifest", async () => {
    await using own = await startRegistry();
    await push(own.host, "acme/cut");
    await truncate(join(own.root, "docker/registry/v2/blobs/sha256", layer.slice(0, 2), layer, "data"), 1_000_000);
    await expect(push(own.host, "acme/cut")).rejects.toMatchObject({
      code: "registry-blob-damaged",
      message: expect.stringContaining("1000000 bytes instead of 12000000"),
    });
  });

  it("whose blob has other bytes of the same size, when every byte is to be verified", async () => {
    await using own = await startRegistry();
    await push(own.host, "acme/flipped");
    await writeFile(
      join(own.root, "docker/registry/v2/blobs/sha256", layer.slice(0, 2), layer, "data"),
      randomBytes(size),
    );
    using client = openRegistry({ registry: own.host, env: {}, log: silentLog });
    expect(await verifyImage(client, "acme/flipped", manifest.digest, "size")).toBe("size");
    await expect(verifyImage(client, "acme/flipped", manifest.digest, "full")).rejects.toMatchObject({
      code: "registry-blob-damaged",
      message: expect.stringContaining("other bytes than its digest says"),
    });
  });
});

describe("a registry's failure is told apart", () => {
  const ping = async (host: string) => {
    using client = openRegistry({
      registry: host,
      env: {},
      log: silentLog,
      retry: { attempts: 3, baseMs: 1, maxMs: 5 },
    });
    return client.ping();
  };

  it("when nothing listens", async () => {
    await expect(ping(`localhost:${await freePort()}`)).rejects.toMatchObject({
      code: "registry-unreachable",
      retryable: true,
    });
  });

  it("when the host does not exist", async () => {
    await expect(ping("registry.invalid")).rejects.toMatchObject({ code: "registry-unreachable" });
  });

  it("when something else than a registry answers", async () => {
    await using proxy = await startProxy(registry.host, () => ({ status: 404, body: "<html>" }));
    expect(await ping(proxy.host)).toBe("absent");
  });

  it("when something answers 404 to everything, before anything is written", async () => {
    await using proxy = await startProxy(registry.host, () => ({ status: 404 }));
    await expect(push(proxy.host, "faults/absent")).rejects.toMatchObject({ code: "registry-absent" });
  });

  it("when its disk is full", async () => {
    const body =
      '{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"DriverName":"filesystem","Enclosed":{"Op":"write","Err":28}}}]}';
    await using proxy = await startProxy(registry.host, when("PUT", "upload", 99, { status: 500, body }));
    await expect(push(proxy.host, "faults/full")).rejects.toMatchObject({ code: "registry-full" });
  });

  it("when it goes on failing", async () => {
    await using proxy = await startProxy(registry.host, when("POST", "upload", 99, { status: 503 }));
    await expect(push(proxy.host, "faults/gone")).rejects.toMatchObject({
      code: "registry-unavailable",
      retryable: true,
    });
  });
});

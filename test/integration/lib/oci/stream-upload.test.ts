import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import { openLayout } from "../../../../lib/oci/layout-source.ts";
import type { ImageSource } from "../../../../lib/oci/source.ts";
import { type CompressedPush, pushSource, readStored, verifyStored } from "../../../support/compressed-push.ts";
import { writeLayout } from "../../../support/image-layout.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { type Faults, kindOf, type RegistryProxy, startRegistryProxy } from "../../../support/registry-proxy.ts";
import { startSessionRegistry } from "../../../support/session-registry.ts";

let registry: TestRegistry;
let folder: string;

beforeAll(async () => {
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-stream-"));
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function push(source: ImageSource, order: Partial<CompressedPush> & { readonly repository: string }) {
  return pushSource(source, { host: registry.host, cache: join(folder, order.repository), ...order });
}

function bodies(proxy: RegistryProxy): number {
  return proxy.requests.filter((seen) => kindOf(seen) === "upload").reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What fails the first stream of a layer. */
function firstStream(fault: ReturnType<Faults>): Faults {
  return ({ method }, earlier) => (method === "PATCH" && earlier === 0 ? fault : undefined);
}

describe("a compressed upload", () => {
  const size = 8_000_000;

  it.each<[string, ReturnType<Faults>]>([
    ["that is cut", { resetAfterBytes: 2_000_000 }],
    ["whose acknowledgement is lost", "lose-answer"],
    ["that the registry answers with 503", { status: 503 }],
  ])("%s is sent again", async (name, fault) => {
    const layout = join(folder, name);
    const repository = `acme/${name.replaceAll(" ", "-")}`;
    await writeLayout(layout, { layers: [randomBytes(size)] });
    await using proxy = await startRegistryProxy(registry.host, firstStream(fault));
    const { digest, pushedBytes } = await push(await openLayout(layout), { repository, host: proxy.host });
    expect(pushedBytes).toBeLessThan(size * 1.01);
    await verifyStored(registry.host, repository, digest);
  });

  it("whose commit is acknowledged to nobody is found there", async () => {
    const layout = join(folder, "commit");
    await writeLayout(layout, { layers: [randomBytes(size)] });
    let commits = 0;
    await using proxy = await startRegistryProxy(registry.host, (seen) =>
      seen.method === "PUT" && kindOf(seen) === "upload" && commits++ === 0 ? "lose-answer" : undefined,
    );
    const { digest } = await push(await openLayout(layout), { repository: "acme/commit", host: proxy.host });
    expect(bodies(proxy)).toBeLessThan(size * 1.1);
    await verifyStored(registry.host, "acme/commit", digest);
  });

  it("goes on where a registry has it that keeps uploads", async () => {
    const layout = join(folder, "kept");
    await writeLayout(layout, { layers: [randomBytes(size)] });
    let isCut = false;
    await using keeping = await startSessionRegistry((bytes) => {
      if (isCut || bytes < size / 2) return false;
      isCut = true;
      return true;
    });
    const { digest } = await push(await openLayout(layout), { repository: "acme/kept", host: keeping.host });
    const [layer] = (await readStored(keeping.host, "acme/kept", digest)).layers;
    expect((await keeping.read(layer?.digest ?? ""))?.length).toBe(layer?.size);
    expect(keeping.received()).toBeLessThan((layer?.size ?? 0) + 10_000);
  });

  it("names the source when a layer is not what its digest says, and stores no manifest", async () => {
    const layout = join(folder, "damaged");
    await writeLayout(layout, { layers: [Buffer.alloc(1000)] });
    await exec("sh", [
      "-c",
      'for f in "$1"/blobs/sha256/*; do [ "$(wc -c <"$f")" = 1000 ] && printf x | dd of="$f" conv=notrunc status=none; done; true',
      "sh",
      layout,
    ]);
    await using proxy = await startRegistryProxy(registry.host);
    await expect(
      push(await openLayout(layout), { repository: "acme/damaged", host: proxy.host }),
    ).rejects.toMatchObject({ code: "content-damaged", message: expect.stringContaining(layout) });
    expect(proxy.requests.filter(({ method, path }) => method === "PUT" && kindOf({ path }) === "manifest")).toEqual(
      [],
    );
  });

  it("ends when it is cancelled, with the reason", async () => {
    const layout = join(folder, "cancelled");
    await writeLayout(layout, { layers: [randomBytes(size)] });
    const cancel = new AbortController();
    const reason = new Error("cancelled by the test");
    await using proxy = await startRegistryProxy(registry.host, ({ method }) =>
      method === "PATCH" ? { before: async () => cancel.abort(reason) } : undefined,
    );
    const order = { repository: "acme/cancelled", host: proxy.host, signal: cancel.signal };
    await expect(push(await openLayout(layout), order)).rejects.toBe(reason);
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openCompressedLayers } from "../../../../lib/oci/compressed-layers.ts";
import type { CompressedLayer } from "../../../../lib/oci/layer-compression.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-layers-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function entry(digit: string, method: "zstd" | "gzip" = "zstd"): CompressedLayer {
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: `sha256:${digit.repeat(64)}`, size: 9 };
  return { layer, method, digest: `sha256:${digit.repeat(63)}0`, size: 5 };
}

describe("openCompressedLayers", () => {
  it("finds what an earlier run kept, by the first method that is known", async () => {
    const [zstd, gzip] = [entry("a"), entry("a", "gzip")];
    await (await openCompressedLayers(folder)).keep([zstd, gzip]);
    const known = await openCompressedLayers(folder);
    expect(known.find(zstd.layer, ["zstd", "gzip"])).toEqual(zstd);
    expect(known.find(zstd.layer, ["gzip"])).toEqual(gzip);
    expect(known.find(entry("b").layer, ["zstd", "gzip"])).toBeUndefined();
  });

  it("keeps what several jobs write, also at once", async () => {
    const [one, other] = [await openCompressedLayers(folder), await openCompressedLayers(folder)];
    await Promise.all([one.keep([entry("a")]), one.keep([entry("b")])]);
    await other.keep([entry("c")]);
    const known = await openCompressedLayers(folder);
    expect(["a", "b", "c"].map((digit) => known.find(entry(digit).layer, ["zstd"])?.size)).toEqual([5, 5, 5]);
  });

  it.each(["", "{", '{"version":"other","layers":[]}', '{"version":"gpu-ci compressed layers 1","layers":[["a",1]]}'])(
    "takes a damaged file for an empty one: %s",
    async (text) => {
      await writeFile(join(folder, "compressed-layers.json"), text);
      const known = await openCompressedLayers(folder);
      expect(known.find(entry("a").layer, ["zstd"])).toBeUndefined();
    },
  );

  it("does without a folder that cannot be written", async () => {
    const known = await openCompressedLayers("/dev/null/nowhere");
    await known.keep([entry("a")]);
    expect(known.find(entry("a").layer, ["zstd"])).toEqual(entry("a"));
  });
});

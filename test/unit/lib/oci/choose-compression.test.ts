import { describe, expect, it } from "vitest";
import { type CompressionCase, chooseCompression } from "../../../../lib/oci/choose-compression.ts";

const mb = 1e6;
const measured: CompressionCase = {
  layerBytes: [200 * mb, 100 * mb, 100 * mb],
  lanes: 2,
  compress: { bytesPerSecond: 300 * mb, ratio: 0.45 },
  linkBytesPerSecond: 11 * mb,
  isSameMachine: false,
};

describe("chooseCompression", () => {
  it("compresses for a link that is slower than the cores, and says with what figures", () => {
    expect(chooseCompression(measured)).toEqual({
      method: "zstd",
      reason: "the link takes 11 MB/s, one core compresses 300 MB/s to 45 %",
    });
  });

  it.each<[string, Partial<CompressionCase>, "none" | "zstd"]>([
    ["1 Gbit/s", { linkBytesPerSecond: 118 * mb }, "zstd"],
    ["a link faster than all cores", { linkBytesPerSecond: 1200 * mb }, "none"],
    [
      "the same link with cores enough for it",
      { linkBytesPerSecond: 1200 * mb, lanes: 8, layerBytes: Array(8).fill(50 * mb) },
      "zstd",
    ],
    ["many cores but one layer", { linkBytesPerSecond: 400 * mb, lanes: 8, layerBytes: [400 * mb] }, "none"],
    ["content that does not get smaller", { compress: { bytesPerSecond: 900 * mb, ratio: 1 } }, "none"],
    ["a registry that works with the same cores", { linkBytesPerSecond: 370 * mb, isSameMachine: true }, "none"],
    ["one on this machine with a slow disk", { linkBytesPerSecond: 40 * mb, isSameMachine: true }, "zstd"],
  ])("decides for %s", (_name, change, method) => {
    expect(chooseCompression({ ...measured, ...change }).method).toBe(method);
  });
});

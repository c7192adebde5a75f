import { describe, expect, it } from "vitest";
import { compareAssets } from "../../../../lib/release/compare-assets.ts";
import type { Asset, AssetFile, Release } from "../../../../lib/release/release-host.ts";

const file = (name: string, digest = "sha256:a"): AssetFile => ({ path: `/${name}`, name, sizeBytes: 1, digest });
const asset = (name: string, change: Partial<Asset> = {}): Asset => ({
  id: 1,
  name,
  sizeBytes: 1,
  digest: "sha256:a",
  complete: true,
  url: "",
  ...change,
});
const release = (assets: readonly Asset[], immutable = false): Release => ({
  id: 1,
  url: "",
  tag: "v1",
  draft: false,
  prerelease: false,
  immutable,
  body: "",
  assets,
  uploadUrl: "",
});
const compare = (assets: readonly Asset[], files: readonly AssetFile[], overwrite = false) => {
  const { upload, remove } = compareAssets(release(assets), files, { overwrite, replaceable: ["SHA256SUMS"] });
  return [upload.map(({ name }) => name), remove.map(({ name }) => name)];
};

describe("what a release lacks", () => {
  it("is what is not there, broken, or the checksums; other assets stay", () => {
    const assets = [
      asset("a"),
      asset("b", { complete: false }),
      asset("SHA256SUMS", { digest: "sha256:b" }),
      asset("other"),
    ];
    const files = [file("a"), file("b"), file("c"), file("SHA256SUMS")];
    expect(compare(assets, files)).toEqual([
      ["b", "c", "SHA256SUMS"],
      ["b", "SHA256SUMS"],
    ]);
  });

  it("is judged by size where the forge tells no digest", () => {
    expect(compare([asset("a", { digest: undefined })], [file("a")])).toEqual([[], []]);
  });

  it("replaces another asset of the same name only when told to", () => {
    const assets = [asset("a", { digest: "sha256:b" })];
    expect(() => compare(assets, [file("a")])).toThrow(
      "Release v1 has another a: 1 bytes, sha256:b; the file here: 1 bytes, sha256:a.",
    );
    expect(compare(assets, [file("a")], true)).toEqual([["a"], ["a"]]);
  });

  it("cannot be added to an immutable release", () => {
    const options = { overwrite: true, replaceable: [] };
    expect(() => compareAssets(release([], true), [file("a")], options)).toThrow(
      "published and immutable; it lacks a.",
    );
    expect(compareAssets(release([asset("a")], true), [file("a")], options)).toEqual({ upload: [], remove: [] });
  });
});

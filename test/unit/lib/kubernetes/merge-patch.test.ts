import { describe, expect, it } from "vitest";
import { mergePatch } from "../../../../lib/kubernetes/merge-patch.ts";

describe("mergePatch", () => {
  it.each([
    ["merges maps by key", { a: { b: 1, c: 2 } }, { a: { c: 3 } }, { a: { b: 1, c: 3 } }],
    ["removes by null", { a: 1, b: 2 }, { a: null }, { b: 2 }],
    ["replaces plain lists", { a: [1, 2] }, { a: [3] }, { a: [3] }],
    [
      "merges lists of named things by name",
      { list: [{ name: "a", x: 1 }, { name: "b" }] },
      { list: [{ name: "a", y: 2 }, { name: "c" }] },
      { list: [{ name: "a", x: 1, y: 2 }, { name: "b" }, { name: "c" }] },
    ],
    ["adds what was not there", {}, { a: { b: [{ name: "c" }] } }, { a: { b: [{ name: "c" }] } }],
  ])("%s", (_name, target, patch, merged) => {
    expect(mergePatch(target, patch)).toEqual(merged);
  });
});

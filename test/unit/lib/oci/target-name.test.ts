import { describe, expect, it } from "vitest";
import { readTargetName } from "../../../../lib/oci/target-name.ts";

describe("readTargetName", () => {
  it.each([
    ["acme/base", ["1.0", "main"], { repository: "acme/base", tags: ["1.0", "main"] }],
    ["quay.io/acme/base:1.0", ["main", "1.0"], { repository: "acme/base", tags: ["1.0", "main"] }],
    [`acme/base@sha256:${"0".repeat(64)}`, [], { repository: "acme/base", tags: [] }],
    [undefined, ["acme/base:1.0", "acme/base:main"], { repository: "acme/base", tags: ["1.0", "main"] }],
    [undefined, ["main"], { repository: undefined, tags: ["main"] }],
  ])("reads %j and %j", (image, tags, expected) => {
    expect(readTargetName(image, tags)).toEqual(expected);
  });

  it.each([
    ["Acme", [], 'Input image is "Acme"'],
    ["acme/base", ["acme/other:1"], "names of the repository acme/base"],
    ["acme/base", ["a/b"], 'Input tags is "a/b"'],
    ["acme/base", [".hidden"], 'Input tags is ".hidden"'],
  ])("refuses %j and %j", (image, tags, message) => {
    expect(() => readTargetName(image, tags)).toThrow(message);
  });
});

import { describe, expect, it } from "vitest";
import { type BuildInputs, formatBases, inputsHash, inputsTag, parseBases } from "../../../../lib/image/inputs-hash.ts";

const digest = `sha256:${"a".repeat(64)}`;
const inputs: BuildInputs = {
  dockerfile: "FROM debian\nCOPY a /a\n",
  target: undefined,
  args: { V: "1", W: "2" },
  labels: {},
  platforms: ["linux/amd64"],
  files: [{ path: "a", sha256: "b".repeat(64), kind: "file", sizeBytes: 1 }],
  bases: [{ reference: "debian", digest }],
};

describe("the inputs hash", () => {
  it("is the same for the same inputs on every machine", () => {
    expect(inputsHash(inputs)).toBe("5f880f1a2cc006cd53d1b4a6b5b4f617d408ff72eee0fec126d800a05b8767e0");
    expect(inputsHash({ ...inputs, args: { W: "2", V: "1" } })).toBe(inputsHash(inputs));
    expect(inputsHash({ ...inputs, dockerfile: inputs.dockerfile.replaceAll("\n", "\r\n") })).toBe(inputsHash(inputs));
  });

  const changes: readonly [string, Partial<BuildInputs>][] = [
    ["Dockerfile", { dockerfile: "FROM debian\nCOPY a /b\n" }],
    ["target", { target: "x" }],
    ["argument", { args: { V: "1", W: "3" } }],
    ["label", { labels: { a: "b" } }],
    ["platform", { platforms: [] }],
    ["content of a file", { files: [{ ...inputs.files[0]!, sha256: "c".repeat(64) }] }],
    ["name of a file", { files: [{ ...inputs.files[0]!, path: "b" }] }],
    ["permission to run a file", { files: [{ ...inputs.files[0]!, kind: "executable" }] }],
    ["digest of a base image", { bases: [{ reference: "debian", digest: `sha256:${"b".repeat(64)}` }] }],
  ];

  it.each(changes)("changes with the %s", (_name, change) => {
    expect(inputsHash({ ...inputs, ...change })).not.toBe(inputsHash(inputs));
  });

  it("does not change when the same base image has another name", () => {
    const moved = [{ reference: "localhost:5000/mirror/debian@x", digest }];
    expect(inputsHash({ ...inputs, bases: moved })).toBe(inputsHash(inputs));
  });

  it("gives a tag of 32 hex digits", () => {
    expect(inputsTag("0123456789abcdef".repeat(4))).toBe("inputs-0123456789abcdef0123456789abcdef");
  });
});

describe("the label with the base images", () => {
  it("is read back as it was written", () => {
    const bases = [
      { reference: "localhost:5000/debian:12", digest },
      { reference: "mine:1", digest: undefined },
    ];
    expect(parseBases(formatBases(bases))).toEqual(bases);
    expect(parseBases(undefined)).toBeUndefined();
    expect(parseBases("{}")).toBeUndefined();
    expect(parseBases("no JSON")).toBeUndefined();
  });
});

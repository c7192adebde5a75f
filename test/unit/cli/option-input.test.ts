import { describe, expect, it } from "vitest";
import type { Manifest } from "../../../cli/action-manifest.ts";
import { optionInput } from "../../../cli/option-input.ts";
import { resultText } from "../../../cli/result-text.ts";

const manifest: Manifest = {
  name: "push",
  description: "",
  options: [
    { name: "source", description: "What to push.", default: undefined, required: true, boolean: false },
    { name: "registry", description: "", default: "auto", required: false, boolean: false },
    { name: "password", description: "", default: undefined, required: false, boolean: false },
    { name: "github-token", description: "", default: "${{ github.token }}", required: false, boolean: false },
  ],
  outputs: {},
};

describe("inputs of a verb", () => {
  it("are what was typed, else the environment, else the default", () => {
    const env = { GPU_CI_INPUT_PASSWORD: "secret", GPU_CI_INPUT_SOURCE: "ignored", GH_TOKEN: "token" };
    const get = optionInput(manifest, new Map([["source", "layout"]]), env);
    expect(["source", "registry", "password", "github-token", "unknown"].map(get)).toEqual([
      "layout",
      "auto",
      "secret",
      "token",
      "",
    ]);
  });

  it("that are required and missing are named with their meaning", () => {
    expect(() => optionInput(manifest, new Map(), {})).toThrow("push needs --source: What to push.");
  });
});

describe("the result of a verb", () => {
  const outputs = new Map([
    ["digest", "sha256:1"],
    ["tags", "a\nb"],
    ["layout", ""],
  ]);

  it("is one line for each value", () => {
    expect(resultText(outputs, false)).toBe("digest=sha256:1\ntags=a\ntags=b\n");
  });

  it("is one JSON document with every output", () => {
    expect(JSON.parse(resultText(outputs, true))).toEqual({ digest: "sha256:1", tags: "a\nb", layout: "" });
  });
});

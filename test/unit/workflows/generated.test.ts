import { describe, expect, it } from "vitest";
import { generatedWorkflow, rewriteSelf } from "../../../scripts/workflows.ts";

const source = [
  "      - uses: actions/checkout@d23441a48e516b6c34aea4fa41551a30e30af803 # v6.1.0",
  "      - uses: $/actions/next-version",
  "        run: echo $/actions/next-version",
  "    uses: $/.github/workflows/release.yml",
  "",
].join("\n");

describe("scripts/workflows.ts", () => {
  it("puts one line above the source", () => {
    expect(generatedWorkflow("gpu-ci.yml", source)).toBe(
      `# Generated from workflows/gpu-ci.yml by scripts/workflows.ts: edit that file, then run npm run workflows.\n${source}`,
    );
  });

  it("names a repository and its ref for Gitea, Forgejo and GHES", () => {
    expect(rewriteSelf(source, "team/gpu-ci@v1.2.3").split("\n")).toEqual([
      "      - uses: actions/checkout@v6",
      "      - uses: team/gpu-ci/actions/next-version@v1.2.3",
      "        run: echo $/actions/next-version",
      "    uses: team/gpu-ci/.github/workflows/release.yml@v1.2.3",
      "",
    ]);
  });

  it("names the working copy for act", () => {
    expect(rewriteSelf(source, "./").split("\n")).toEqual([
      "      - uses: actions/checkout@v6",
      "      - uses: ./actions/next-version",
      "        run: echo $/actions/next-version",
      "    uses: ./.github/workflows/release.yml",
      "",
    ]);
  });

  it.each(["", ".", "team/gpu-ci", "v1"])("refuses %j", (self) => {
    expect(() => rewriteSelf(source, self)).toThrow(
      `--self is ${JSON.stringify(self)}; allowed: ./ or OWNER/REPO@REF.`,
    );
  });
});

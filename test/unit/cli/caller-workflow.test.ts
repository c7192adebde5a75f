import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findCallerWorkflow, readCallerWorkflow } from "../../../cli/caller-workflow.ts";

const caller = (block: string) => `on:
  workflow_dispatch: {inputs: {gpus: {default: "2"}}}
jobs:
  lint: {runs-on: ubuntu-latest, steps: []}
  test:
    uses: OWNER/gpu-ci/.github/workflows/gpu-ci.yml@v1
    with:
${block}`;

describe("a caller workflow", () => {
  let project = "";
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "caller-"));
    mkdirSync(join(project, ".github/workflows"), { recursive: true });
  });
  afterEach(() => rmSync(project, { recursive: true }));
  const write = (name: string, text: string) => {
    writeFileSync(join(project, ".github/workflows", name), text);
    return join(project, ".github/workflows", name);
  };
  const read = async (block: string, given: Record<string, string> = {}) =>
    Object.fromEntries((await readCallerWorkflow(write("a.yml", caller(block)), new Map(Object.entries(given)))).with);

  it("gives its literals as they are written", async () => {
    expect(await read("      gpus: 1\n      timeout: 1.10\n      env: |\n        A=1\n        B=2\n")).toEqual({
      gpus: "1",
      timeout: "1.10",
      env: "A=1\nB=2\n",
    });
  });

  it("gives inputs from the command line, else from workflow_dispatch", async () => {
    const block = "      gpus: ${{ inputs.gpus }}\n      test-command: make ${{inputs.target}} -k\n";
    expect(await read(block, { target: "all" })).toEqual({ gpus: "2", "test-command": "make all -k" });
  });

  it("refuses every other expression by name", async () => {
    await expect(read("      env: SHA=${{ github.sha }}\n")).rejects.toThrow(
      'Input with.env is "${{ github.sha }}"; allowed: literals and ${{ inputs.NAME }}.\nGive it by --env VALUE.',
    );
    await expect(read("      cpu: ${{ inputs.cpu }}\n")).rejects.toThrow(
      'Input with.cpu is "${{ inputs.cpu }}"; allowed: an input that is given.\nAdd --input cpu=VALUE.',
    );
  });

  it("that is missing, broken or no caller is named", async () => {
    await expect(readCallerWorkflow(join(project, "none.yml"), new Map())).rejects.toThrow(
      "a readable workflow (ENOENT)",
    );
    await expect(readCallerWorkflow(write("b.yml", "jobs: {a: [}"), new Map())).rejects.toThrow("allowed: valid YAML");
    await expect(readCallerWorkflow(write("c.yml", "jobs: {a: {uses: x/y/z.yml@v1}}"), new Map())).rejects.toThrow(
      "a workflow with a job that uses …/.github/workflows/gpu-ci.yml",
    );
  });

  it("is found when it is the only one", async () => {
    expect(await findCallerWorkflow(project)).toBe(undefined);
    write("ci.yml", "jobs: {a: {runs-on: x}}");
    write("gpu.yaml", caller("      gpus: 1\n"));
    expect(await findCallerWorkflow(project)).toBe(".github/workflows/gpu.yaml");
    write("two.yml", caller("      gpus: 2\n"));
    await expect(findCallerWorkflow(project)).rejects.toThrow(".github/workflows/gpu.yaml, .github/workflows/two.yml");
  });
});

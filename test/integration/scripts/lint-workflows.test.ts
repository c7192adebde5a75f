import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../../lib/exec.ts";
import { projectFiles, root } from "../../support/house.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-lint-"));
  for (const file of projectFiles(/^((\.github\/)?workflows\/.*|examples\/callers\/.*|actions\/[^/]+\/action)\.yml$/))
    cpSync(join(root, file), join(folder, file), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function lint() {
  const args = [join(root, "scripts/lint-workflows.ts"), "--root", folder];
  const { exitCode, stderr } = await exec(process.execPath, args, { ignoreExitCode: true });
  return { exitCode, findings: stderr.trim().split("\n").filter(Boolean) };
}

const mistakes = [
  {
    file: "workflows/registry-care.yml",
    right: "keep-last: ${{",
    wrong: "keep-lots: ${{",
    message: "Invalid action input 'keep-lots'",
  },
  {
    file: "workflows/runners.yml",
    right: "uses: $/actions/switch-runners",
    wrong: "uses: $/actions/switch",
    message: "Unable to resolve action `$/actions/switch`",
  },
  {
    file: "workflows/gpu-ci.yml",
    right: "fromJSON(inputs.runs-on)",
    wrong: "fromJSON(input.runs-on)",
    message: "Unrecognized named-value: 'input'",
  },
  {
    file: "examples/callers/tag-release.yml",
    right: "needs.test.outputs.image",
    wrong: "needs.test.outputs.imag",
    message: "Context access might be invalid: imag",
  },
  {
    file: "examples/callers/push.yml",
    right: "results: ",
    wrong: "result: ",
    message: "Invalid input, result is not defined in the referenced workflow.",
  },
  {
    file: "actions/next-version/action.yml",
    right: "branding:",
    wrong: "brand:",
    message: "Unexpected value 'brand'",
  },
];

/** Puts a mistake into its file; gives the beginning of what is found then. */
function seed({ file, right, wrong, message }: (typeof mistakes)[number]): string {
  const text = readFileSync(join(folder, file), "utf8");
  expect(text).toContain(right);
  writeFileSync(join(folder, file), text.replace(right, wrong));
  return `${file}:${text.slice(0, text.indexOf(right)).split("\n").length}: ${message}`;
}

describe("GitHub's language service", () => {
  it("finds nothing in the workflows, their callers and the actions, and each mistake that is put into them", async () => {
    expect(await lint()).toEqual({ exitCode: 0, findings: [] });
    const wanted = mistakes.map(seed).toSorted();
    const { exitCode, findings } = await lint();
    expect(findings.toSorted()).toEqual(wanted.map((beginning) => expect.stringContaining(beginning)));
    expect(exitCode).toBe(1);
  });
});

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actionHost } from "../../../../lib/action/host.ts";

const names = ["GITHUB_OUTPUT", "RUNNER_TEMP"] as const;
const before = names.map((name) => process.env[name]);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-host-"));
  process.env.RUNNER_TEMP = folder;
  process.env.GITHUB_OUTPUT = join(folder, "output");
  writeFileSync(process.env.GITHUB_OUTPUT, "");
});
afterEach(() => {
  for (const [index, name] of names.entries()) {
    const value = before[index];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  rmSync(folder, { recursive: true });
});

const written = () => readFileSync(join(folder, "output"), "utf8");

describe("a step's host", () => {
  it("writes an output between delimiters that nobody can guess, so that a value cannot make another output", () => {
    const { output } = actionHost(new AbortController().signal);
    const value = "first\nEOF\nevil=1\nevil<<EOF\n2\nEOF";
    output("detail", value);
    output("detail", value);
    const delimiters = [...written().matchAll(/^detail<<(ghadelimiter_[0-9a-f-]{36})$/gm)].map(([, name]) => name);
    expect([delimiters.length, new Set(delimiters).size]).toEqual([2, 2]);
    expect(written()).toBe(delimiters.map((name) => `detail<<${name}\n${value}\n${name}\n`).join(""));
  });

  it("keeps its files in a folder that only its own user can enter", () => {
    const { tempDirectory } = actionHost(new AbortController().signal);
    expect(tempDirectory.startsWith(folder)).toBe(true);
    expect(statSync(tempDirectory).mode & 0o777).toBe(0o700);
  });
});

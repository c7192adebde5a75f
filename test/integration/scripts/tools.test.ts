import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureTools } from "../../../scripts/tools.ts";

let folder: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-tools-"));
  env = { PATH: `${join(folder, "bin")}:${process.env.PATH}`, HOME: folder };
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("scripts/tools.ts", () => {
  it("builds a pinned version without cgo, once, and keeps it for the user", () => {
    writeGo('echo "$CGO_ENABLED $*" >>"$HOME/calls"; echo built >"$GOBIN/act"');
    const directory = ensureTools(["act"], env);
    expect(ensureTools(["act"], env)).toBe(directory);
    expect(directory).toMatch(/\/\.cache\/gpu-ci\/tools\/[0-9a-f]{12}$/);
    expect(readdirSync(directory)).toEqual(["act"]);
    expect(readFileSync(join(folder, "calls"), "utf8")).toMatch(
      /^0 install github\.com\/nektos\/act@v\d+\.\d+\.\d+\n$/,
    );
  });

  it("leaves no program behind when the build fails, and says which", () => {
    writeGo('echo half >"$GOBIN/act"; exit 1');
    expect(() => ensureTools(["act"], env)).toThrow(
      /^go install github\.com\/nektos\/act@v[\d.]+ ended with exit code 1\.$/,
    );
    writeGo('echo whole >"$GOBIN/act"');
    const directory = ensureTools(["act"], env);
    expect(readFileSync(join(directory, "act"), "utf8")).toBe("whole\n");
    expect(readdirSync(directory)).toEqual(["act"]);
  });

  it("says what is missing on a machine without Go", () => {
    expect(() => ensureTools(["act"], { HOME: folder, PATH: join(folder, "bin") })).toThrow("go could not be started");
  });
});

function writeGo(body: string): void {
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "bin/go"), `#!/bin/sh\n${body}\n`);
  chmodSync(join(folder, "bin/go"), 0o755);
}

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installationRoot } from "../../../cli/action-manifest.ts";
import { exec } from "../../../lib/exec.ts";
import { parseJunit } from "../../../lib/report/junit.ts";

let project = "";
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "vector-add-"));
  cpSync(join(installationRoot(), "examples/vector-add"), project, { recursive: true });
  rmSync(join(project, "build"), { recursive: true, force: true });
});
afterAll(() => rmSync(project, { recursive: true }));

async function makeTest(env: NodeJS.ProcessEnv = {}) {
  const options = { cwd: project, env: { ...process.env, ...env }, ignoreExitCode: true };
  const { exitCode, stderr } = await exec("make", ["test"], options);
  return { exitCode, warnings: stderr };
}

function outcomes(file: string) {
  const suites = parseJunit(readFileSync(join(project, "build/results", file), "utf8"));
  return suites.flatMap(({ cases }) => cases).map(({ name, outcome, gpu }) => ({ name, outcome, gpu }));
}

const names = [
  "adds nothing",
  "adds one element",
  "adds one element less than a block",
  "adds a whole block",
  "adds one element more than a block",
  "adds a million elements",
];

describe("the example", () => {
  it("builds by gcc alone, tests the CPU and skips every GPU case by name where no driver can be loaded", async () => {
    expect(await makeTest({ LD_LIBRARY_PATH: "" })).toEqual({ exitCode: 0, warnings: "" });
    expect(outcomes("cpu.xml")).toEqual(names.map((name) => ({ name, outcome: "passed", gpu: false })));
    expect(outcomes("gpu.xml")).toEqual(names.map((name) => ({ name, outcome: "skipped", gpu: true })));
  });

  it("fails every GPU case when a driver is there but lacks what is called", async () => {
    writeFileSync(join(project, "driver.c"), "int cuInit(unsigned flags) { return (int)flags; }\n");
    const library = join(project, "libcuda.so.1");
    await exec("gcc", ["-shared", "-fPIC", "-o", library, join(project, "driver.c")]);
    expect((await makeTest({ LD_LIBRARY_PATH: project })).exitCode).toBe(2);
    expect(outcomes("gpu.xml")).toEqual(names.map((name) => ({ name, outcome: "failed", gpu: true })));
  });
});

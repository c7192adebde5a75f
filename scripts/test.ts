// Runs test levels and ends in one line "N passed, N failed, N skipped": node scripts/test.ts LEVEL... [-- VITEST ARGUMENTS]
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
}

const levels = ["unit", "integration", "bundle", "e2e"];
const root = join(import.meta.dirname, "..");
const separator = process.argv.indexOf("--");
const wanted = process.argv.slice(2, separator < 0 ? undefined : separator).filter((word) => levels.includes(word));
const rest = process.argv.slice(2).filter((word) => word !== "--" && !levels.includes(word));
if (wanted.length === 0) throw new Error(`Name at least one level: ${levels.join(", ")}.`);

// Every level but unit starts the shipped bundles.
if (wanted.some((level) => level !== "unit")) run([join(root, "scripts/build.ts")]);

const folder = mkdtempSync(join(tmpdir(), "gpu-ci-test-"));
const file = join(folder, "results.json");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
const code = run(
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    ...wanted.flatMap((level) => ["--project", level]),
    ...reporters,
    ...rest,
  ],
  false,
);
const results = JSON.parse(readFileSync(file, "utf8")) as Results;
rmSync(folder, { recursive: true });

const skipped = results.numPendingTests + results.numTodoTests;
// A file that cannot even be loaded has no failed test, but it has failed. So has, in CI, a suite that was left out.
const failed = Math.max(results.numFailedTests, results.success && code === 0 ? 0 : 1);
console.log(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || (skipped > 0 && process.env.CI === "true") ? 1 : 0;

function run(args: readonly string[], throws = true): number {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (throws && status !== 0) process.exit(status ?? 1);
  return status ?? 1;
}

// How long each bundle takes until it is ready, beside `node -e 0`, interleaved: npm run bench:start [-- ROUNDS]
// Ready means: loaded, and the first input refused. Every action is started with no input set but one that does not exist as a value.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";

interface Row {
  readonly bundle: string;
  readonly sizeMb: number;
  readonly readyMs: number;
  readonly limitMs: number;
  readonly limitMb: number;
}

const root = join(import.meta.dirname, "../..");
const rounds = Number(process.argv[2] ?? 15);
const folder = mkdtempSync(join(tmpdir(), "gpu-ci-bench-"));
const bundles = readdirSync(join(root, "actions")).flatMap((action) =>
  ["main", "post"]
    .map((entry) => join("actions", action, "dist", entry, "index.js"))
    .filter((file) => existsSync(join(root, file))),
);
if (bundles.length === 0) throw new Error("There are no bundles; run: npm run build");

const timesMs = new Map<string, number[]>([["-e 0", []], ...bundles.map((file): [string, number[]] => [file, []])]);
for (let round = 0; round < rounds; round++) {
  for (const [name, times] of timesMs) times.push(startMs(name));
}
rmSync(folder, { recursive: true });

const baseMs = median(timesMs.get("-e 0") ?? []);
const rows = bundles.map(row);
console.log(
  `node ${process.version}, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}; node -e 0: ${baseMs.toFixed(1)} ms`,
);
console.table(
  rows.map(({ bundle, sizeMb, limitMb, readyMs, limitMs }) => ({
    bundle,
    MB: sizeMb,
    "≤ MB": limitMb,
    "+ms": readyMs,
    "≤ +ms": limitMs,
  })),
);
writeFileSync(
  join(root, "test/bench/start.json"),
  `${JSON.stringify({ node: process.version, cpus: availableParallelism(), load: loadavg(), rounds, baseMs, rows }, null, 2)}\n`,
);
const over = rows.filter(({ sizeMb, limitMb, readyMs, limitMs }) => sizeMb > limitMb || readyMs > limitMs);
for (const { bundle } of over) console.error(`${bundle} is over its limit.`);
process.exitCode = over.length > 0 ? 1 : 0;

function row(file: string): Row {
  const folder = join(root, dirname(file));
  // What is imported on demand lies beside the entry, and is part of the action.
  const parts = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const kubernetes = parts.some((name) =>
    readFileSync(join(folder, name), "utf8").includes("kubernetes.io/serviceaccount"),
  );
  const sizeBytes = parts.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return {
    bundle: file.split("/").slice(1, 4).join("/").replace("/dist", ""),
    sizeMb: Math.round(sizeBytes / 1e4) / 100,
    readyMs: Math.round((median(timesMs.get(file) ?? []) - baseMs) * 10) / 10,
    limitMs: kubernetes ? 250 : 100,
    limitMb: kubernetes ? 5.5 : 1.5,
  };
}

function startMs(name: string): number {
  const args = name === "-e 0" ? ["-e", "0"] : [join(root, name)];
  const env = { PATH: process.env.PATH, HOME: folder, RUNNER_TEMP: folder };
  const started = performance.now();
  spawnSync(process.execPath, args, { env, cwd: folder, stdio: "ignore" });
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

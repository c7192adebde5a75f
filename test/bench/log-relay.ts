// What a test's log costs (goal P24): the relay alone, and the whole way from an API server into the file and onto the console: npm run bench:log
// 100 secrets are masked; the hostile log holds commands for the runner, terminal sequences and secrets in several forms.
import { execFile, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs, promisify } from "node:util";
import { noteCircumstances } from "./circumstances.ts";
import { logs, secrets } from "./log-corpus.ts";
import { startLogServer } from "./log-server.ts";

const bars = { mbPerSecond: 150, cpuSecondsPerGb: 4, peakMb: 100 };
const { values } = parseArgs({ options: { "size-mb": { type: "string", default: "300" } } });
const sumBytes = Number(values["size-mb"]) * 1e6;
const folder = mkdtempSync(join(tmpdir(), "gpu-ci-bench-"));

/** What a process of its own says of its work. */
interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly baseMb: number;
  readonly peakMb: number;
}

const compiled = await compile();
const script = join(compiled, "test/bench/log-reader.js");
const circumstances = noteCircumstances();
const measured = { relay: await measureAll("relay"), path: await measureAll("path") };
for (const made of [folder, compiled]) rmSync(made, { recursive: true });
const result = {
  ...circumstances(),
  versions: { node: process.version },
  sizeMb: sumBytes / 1e6,
  secrets: secrets.length,
  bars,
  ...measured,
};
writeFileSync(join(import.meta.dirname, "log-relay.json"), `${JSON.stringify(result, undefined, 2)}\n`);
console.log(JSON.stringify(result, undefined, 2));
const broken = Object.entries(measured.relay).filter(
  ([, cost]) =>
    cost.mbPerSecond < bars.mbPerSecond || cost.cpuSecondsPerGb > bars.cpuSecondsPerGb || cost.peakMb > bars.peakMb,
);
for (const [name] of broken) console.error(`The relay of the log "${name}" misses its bars.`);
process.exitCode = broken.length > 0 && !result.isVoid ? 1 : 0;

/** The sources as JavaScript: Node's own reading of TypeScript costs 20 MB of memory, which no action pays. */
async function compile(): Promise<string> {
  const root = join(import.meta.dirname, "../..");
  const out = mkdtempSync(join(root, ".build-"));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", root, "--noEmit", "false", "--noCheck", "--outDir", out]);
  writeFileSync(join(out, "package.json"), JSON.stringify({ type: "module" }));
  return out;
}

async function measureAll(what: "relay" | "path") {
  const rows = [];
  for (const name of Object.keys(logs)) rows.push([name, await measure(what, name)] as const);
  return Object.fromEntries(rows);
}

async function measure(what: "relay" | "path", name: string) {
  const log = logs[name] ?? "";
  await using server = await startLogServer(log, sumBytes, folder);
  const file = join(folder, "test.log");
  const order = { what, name, sumBytes, server: server.url, ca: server.cert, file, secrets };
  const cost = await runReader(JSON.stringify(order));
  const fileBytes = statSync(file).size;
  const perGb = sumBytes / 1e9;
  return {
    mbPerSecond: Math.round(sumBytes / 1e6 / cost.seconds),
    cpuSecondsPerGb: Math.round((cost.cpuSeconds / perGb) * 100) / 100,
    baseMb: Math.round(cost.baseMb),
    peakMb: Math.round(cost.peakMb),
    fileMb: Math.round(fileBytes / 1e6),
  };
}

async function runReader(order: string): Promise<Cost> {
  const nowhere = openSync("/dev/null", "w");
  const reader = spawn(process.execPath, [script], { stdio: ["pipe", nowhere, "pipe"] });
  reader.stdin?.end(order);
  const said = await text(reader.stderr!);
  closeSync(nowhere);
  return JSON.parse(said);
}

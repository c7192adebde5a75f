// Bundles every action's main.ts and post.ts with ncc, and makes them small: node scripts/build.ts [--force] [ACTION...]
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { minify } from "terser";

const root = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  options: { force: { type: "boolean", default: false } },
  allowPositionals: true,
});
const actions = readdirSync(join(root, "actions")).filter((name) => existsSync(join(root, "actions", name, "main.ts")));
const unknown = positionals.filter((name) => !actions.includes(name));
if (unknown.length > 0) throw new Error(`No such action: ${unknown.join(", ")}; there are ${actions.join(", ")}.`);

const newest = newestSource();
const wanted = (positionals.length > 0 ? positionals : actions).flatMap((action) =>
  ["main", "post"]
    .map((entry) => ({ action, entry }))
    .filter(({ entry }) => existsSync(join(root, "actions", action, `${entry}.ts`))),
);
const stale = wanted.filter((target) => values.force || !isFresh(target));
const stage = stageSources();
try {
  // Two at a time: ncc is one thread each, and this is what the smallest machine has.
  await Promise.all([worker(), worker()]);
} finally {
  rmSync(stage, { recursive: true, force: true });
}

async function worker(): Promise<void> {
  for (let target = stale.shift(); target; target = stale.shift()) await bundle(target.action, target.entry);
}

async function bundle(action: string, entry: string): Promise<void> {
  const out = join(root, "actions", action, "dist", entry);
  rmSync(out, { recursive: true, force: true });
  await ncc(stage, `actions/${action}/${entry}.ts`, ["--license", "licenses.txt", "--out", out]);
  const parts = readdirSync(out).filter((file) => file.endsWith(".js"));
  for (const part of parts) await shrink(join(out, part));
  const sizeMb = parts.reduce((sum, file) => sum + statSync(join(out, file)).size, 0) / 1e6;
  console.log(`actions/${action}/dist/${entry} ${sizeMb.toFixed(2)} MB`);
}

// ncc's own minifier keeps what nobody calls, and leaves what is imported on demand as it is. Names stay: they are in stack traces.
async function shrink(file: string): Promise<void> {
  const { code } = await minify(readFileSync(file, "utf8"), {
    module: true,
    compress: { defaults: false, dead_code: true, side_effects: true, unused: true },
    keep_classnames: true,
    keep_fnames: true,
  });
  if (code === undefined) throw new Error(`Nothing is left of ${file}.`);
  writeFileSync(file, code);
}

async function ncc(cwd: string, source: string, options: readonly string[]): Promise<void> {
  const program = join(root, "node_modules/@vercel/ncc/dist/ncc/cli.js");
  // Each build is in a folder of its own, so that nothing in a cache would ever be found again.
  const args = [program, "build", source, "--transpile-only", "--no-cache", ...options];
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  // ncc may end with 0 and a bundle that lacks a module: say so here and not in a user's job.
  if (code !== 0 || /Module not found|ERROR in/.test(output))
    throw new Error(`ncc failed for ${cwd}/${source}:\n${output}`);
}

/**
 * A copy of the sources with a tsconfig.json for ncc: without types to look at, it takes modules for ESM only where `module` says so, and
 * it reads no other file. Types are checked by tsc, once and not once for each bundle.
 */
function stageSources(): string {
  const folder = mkdtempSync(join(root, ".build-"));
  for (const part of ["actions", "lib"])
    cpSync(join(root, part), join(folder, part), { recursive: true, filter: (source) => !source.endsWith("dist") });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const compilerOptions = { rootDir: ".", module: "ESNext", moduleResolution: "bundler" };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../tsconfig.json", compilerOptions }));
  stageWithoutSideEffects(folder);
  stageWithoutUndici(folder);
  return folder;
}

/**
 * These packages do not declare that their modules only define things: every bundle would hold all of them, of the Kubernetes client the
 * generated models, of which we use the types alone, and with the toolkit's core undici for an identity token that we do not ask it for.
 * Copies, which are found first, declare it: 3.6 MB and 0.5 MB less, and half of the time and memory of a start.
 */
function stageWithoutSideEffects(folder: string): void {
  for (const [name, parts] of [
    ["@kubernetes/client-node", ["dist", "LICENSE"]],
    ["@actions/core", ["lib", "LICENSE.md"]],
  ] as const) {
    const source = join(root, "node_modules", name);
    const copy = join(folder, "node_modules", name);
    const isNeeded = (path: string) => statSync(path).isDirectory() || /\.js$|LICENSE/.test(path);
    for (const part of parts) cpSync(join(source, part), join(copy, part), { recursive: true, filter: isNeeded });
    const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
    writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, sideEffects: false }));
  }
}

/**
 * KubeConfig makes undici's agents for fetch, which we do not ask it for: its half a megabyte would be a fifth of the time that an action of
 * the cluster takes to start.
 */
function stageWithoutUndici(folder: string): void {
  const copy = join(folder, "node_modules/undici");
  mkdirSync(copy);
  const manifest = { name: "undici", version: "0.0.0", type: "module", main: "index.js", sideEffects: false };
  writeFileSync(join(copy, "package.json"), JSON.stringify(manifest));
  const names = ["Agent", "ProxyAgent", "fetch"];
  const functions = names.map(
    (name) => `export function ${name}() { throw new Error("This bundle holds no undici."); }`,
  );
  writeFileSync(join(copy, "index.js"), functions.join("\n"));
}

function isFresh({ action, entry }: { action: string; entry: string }): boolean {
  const built = statSync(join(root, "actions", action, "dist", entry, "index.js"), { throwIfNoEntry: false });
  return built !== undefined && built.mtimeMs > newest;
}

function newestSource(): number {
  const files = [
    "package-lock.json",
    "tsconfig.json",
    "scripts/build.ts",
    ...globSync("{actions,lib}/**/*.ts", { cwd: root, exclude: ["**/dist/**"] }),
  ];
  return Math.max(...files.map((file) => statSync(join(root, file)).mtimeMs));
}

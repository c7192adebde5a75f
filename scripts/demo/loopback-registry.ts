import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { readState, writeState } from "../../cli/run-state.ts";
import { sleep } from "../../lib/abort.ts";
import { DomainError } from "../../lib/error.ts";
import { type Exec, findProgram } from "../../lib/exec.ts";

/** A registry that the demo started, as state.json remembers it. */
interface RegistryState {
  readonly pid: number;
  readonly port: number;
}

/** Where the demo keeps its things, and what it runs programs with. */
export interface RegistryPlace {
  readonly folder: string;
  readonly exec: Exec;
  readonly signal: AbortSignal;
}

/**
 * The demo's own registry as `localhost:PORT`: the one that runs already, else one that is started on a free loopback port, or on its old
 * one with its old data. It outlives the demo, so that the next run finds its images; stopRegistry ends it.
 */
export async function ensureRegistry(
  place: RegistryPlace,
): Promise<{ readonly registry: string; readonly started: boolean }> {
  const { folder } = place;
  const known = await knownRegistry(folder);
  if (known && (await isOurs(folder, known))) return { registry: `localhost:${known.port}`, started: false };

  const program = await findRegistryProgram(place);
  const port = known && (await isFree(known.port)) ? known.port : await freePort();
  await mkdir(join(folder, "registry"), { recursive: true });
  await writeFile(configurationFile(folder), configuration(folder, port));
  const log = openSync(join(folder, "registry.log"), "a");
  const child = spawn(program, ["serve", configurationFile(folder)], { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const failed = new Promise<never>((_resolve, reject) => child.once("error", reject));
  child.unref();
  await writeState(folder, { ...(await readState(folder)), registry: { pid: child.pid, port } });
  await Promise.race([waitForAnswer(port, place), failed]);
  return { registry: `localhost:${port}`, started: true };
}

/** Ends the registry that state.json names, if it still is ours; its data stays. Gives whether there was one. */
export async function stopRegistry(folder: string): Promise<boolean> {
  const known = await knownRegistry(folder);
  if (!known || !(await isOurs(folder, known))) return false;
  process.kill(known.pid, "SIGTERM");
  for (let waitedMs = 0; await isOurs(folder, known); waitedMs += 50) {
    if (waitedMs === 5000) process.kill(known.pid, "SIGKILL");
    await sleep(50);
  }
  return true;
}

async function knownRegistry(folder: string): Promise<RegistryState | undefined> {
  const { registry } = await readState(folder);
  const { pid, port } = (registry ?? {}) as Partial<RegistryState>;
  return pid === undefined || port === undefined ? undefined : { pid, port };
}

/** A process id may have gone to another program since: ours has our configuration file on its command line. */
async function isOurs(folder: string, { pid }: RegistryState): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.split("\0").includes(configurationFile(folder));
}

/** The program of this machine, else that of Debian's package, unpacked and not installed: installing it would start a service. */
async function findRegistryProgram({ folder, exec, signal }: RegistryPlace): Promise<string> {
  const installed = await findProgram(exec, "docker-registry");
  if (installed) return installed;
  const unpacked = join(folder, "programs");
  const program = join(unpacked, "usr/bin/docker-registry");
  if (await findProgram(exec, program)) return program;
  await mkdir(unpacked, { recursive: true });
  try {
    // apt's own user may not write here; the download needs no root.
    await exec("apt-get", ["download", "-o", "APT::Sandbox::User=root", "docker-registry"], { cwd: unpacked, signal });
    const archive = (await readdir(unpacked)).find((name) => name.endsWith(".deb"));
    await exec("dpkg-deb", ["--extract", join(unpacked, archive ?? "docker-registry.deb"), unpacked], { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const hint = "Run: sudo apt-get update, or install docker-registry, or name a registry by --registry HOST:PORT.";
    throw new DomainError(
      "registry-program-missing",
      "There is no docker-registry, and apt-get could not download it.",
      { hint, cause },
    );
  }
  return program;
}

function configurationFile(folder: string): string {
  return join(folder, "registry.yml");
}

function configuration(folder: string, port: number): string {
  return [
    "version: 0.1",
    "log: {level: warn, accesslog: {disabled: true}}",
    "storage:",
    `  filesystem: {rootdirectory: ${JSON.stringify(join(folder, "registry"))}}`,
    "  delete: {enabled: true}",
    `http: {addr: "127.0.0.1:${port}"}`,
    "",
  ].join("\n");
}

async function waitForAnswer(port: number, { folder, signal }: RegistryPlace): Promise<void> {
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 50) {
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`, { signal }).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(50, signal);
  }
  throw new DomainError("registry-unreachable", `The demo's registry on port ${port} did not answer within 10 s.`, {
    hint: `Its log is ${join(folder, "registry.log")}.`,
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("A TCP server without a port.");
  return address.port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

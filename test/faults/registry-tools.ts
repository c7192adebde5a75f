import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTools } from "../../scripts/tools.ts";
import { readAction } from "../support/house.ts";

/** What a tool is asked to do: bring a layout to a registry, there to be tag `1` of a repository. */
export interface PushOrder {
  readonly host: string;
  readonly repository: string;
  readonly layout: string;
  /** The registry is said to have no TLS. */
  readonly isInsecure: boolean;
  /** What is to be proved, where a tool can. */
  readonly verify: "none" | "size" | "full";
  /** What becomes of layers that are not compressed, where a tool is asked; default is its own. */
  readonly compression?: "auto" | "none" | "zstd" | "gzip";
}

/** A program that pushes, beside its version. */
export interface PushTool {
  readonly name: string;
  readonly version: string;
  readonly command: (order: PushOrder, folder: string) => { args: readonly string[]; env: NodeJS.ProcessEnv };
}

/** How a push by a program ended. */
export interface PushRun {
  /** Undefined when it was still running at the limit. */
  readonly exitCode: number | undefined;
  readonly output: string;
  readonly durationMs: number;
}

const skopeoCopy = ["skopeo", "--insecure-policy", "copy", "--retry-times=5", "--preserve-digests"] as const;
const root = join(import.meta.dirname, "../..");

/** The action by its source or its bundle, crane, and skopeo with the options that help it most. Throws when one is not installed. */
export function pushTools(entry: "main.ts" | "dist/main/index.js" = "main.ts"): readonly PushTool[] {
  const crane = join(ensureTools(["crane"]), "crane");
  return [
    {
      name: "gpu-ci",
      version: `node ${process.version}`,
      command: (order, folder) => ({
        args: [process.execPath, join(root, "actions/push-local-registry", entry)],
        env: ourInputs(order, folder),
      }),
    },
    {
      name: "crane",
      version: firstLine(crane, "version"),
      command: ({ host, repository, layout, isInsecure }, folder) => ({
        args: [crane, "push", ...(isInsecure ? ["--insecure"] : []), layout, `${host}/${repository}:1`],
        env: { PATH: process.env.PATH, HOME: folder },
      }),
    },
    {
      name: "skopeo",
      version: firstLine("skopeo", "--version"),
      command: ({ host, repository, layout, isInsecure }, folder) => ({
        args: [...skopeoCopy, `--dest-tls-verify=${!isInsecure}`, `oci:${layout}`, `docker://${host}/${repository}:1`],
        env: { PATH: process.env.PATH, HOME: folder },
      }),
    },
  ];
}

/** Runs a tool to its end, or to `limitMs`; `onStart` is told its process id. */
export async function runTool(
  tool: PushTool,
  order: PushOrder,
  { limitMs, onStart }: { limitMs: number; onStart?: (pid: number) => void },
): Promise<PushRun> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-tool-"));
  try {
    const { args, env } = tool.command(order, folder);
    const [program = "", ...rest] = args;
    const startedAt = performance.now();
    const child = spawn(program, rest, { env, stdio: ["ignore", "pipe", "pipe"] });
    if (child.pid !== undefined) onStart?.(child.pid);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, limitMs);
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode) => resolve(exitCode ?? -1));
    });
    clearTimeout(timer);
    return { exitCode: isLate ? undefined : code, output, durationMs: performance.now() - startedAt };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function ourInputs(order: PushOrder, folder: string): NodeJS.ProcessEnv {
  const { host, repository, layout, isInsecure, verify, compression } = order;
  const isLoopback = /^(localhost|\[::1\]|127\.)/.test(host);
  const values: Readonly<Record<string, string>> = {
    source: layout,
    image: repository,
    tags: "1",
    registry: host,
    "tls-verify": String(isLoopback || !isInsecure),
    verify,
    ...(compression ? { compression } : {}),
  };
  const { inputs = {} } = readAction("push-local-registry");
  const given = Object.entries(inputs).map(([name, { default: fallback }]) => [name, values[name] ?? fallback ?? ""]);
  return {
    PATH: process.env.PATH,
    HOME: folder,
    RUNNER_TEMP: folder,
    ...Object.fromEntries(given.map(([name, value]) => [`INPUT_${name?.toUpperCase()}`, value])),
  };
}

function firstLine(program: string, ...args: string[]): string {
  const { stdout, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error) throw new Error(`${program} could not be started; install it (apt-get install ${program}).`);
  return stdout.trim().split("\n")[0] ?? "";
}

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** What a test gives a bundle: inputs over action.yml's defaults, and the environment beside PATH and HOME. */
export interface BundleOptions {
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Sends SIGINT to the child when aborted, as a cancelled job does. */
  readonly signal?: AbortSignal;
  readonly phase?: "main" | "post";
  /** State that the main phase saved, for the post phase. */
  readonly state?: Readonly<Record<string, string>>;
  /** Called with each piece of standard output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** How a bundle ended and everything it wrote for the runner. */
export interface BundleResult {
  /** -1 when a signal ended the process. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
}

/**
 * Runs an action's shipped bundle as the runner does: a node process, INPUT_* with the defaults of action.yml, and files for
 * outputs, state and summary. Throws when the bundle was not built.
 */
export async function runBundle(action: string, options: BundleOptions = {}): Promise<BundleResult> {
  const actionFolder = fileURLToPath(new URL(`../../actions/${action}/`, import.meta.url));
  const entry = join(actionFolder, "dist", options.phase ?? "main", "index.js");
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run \`npm run build\` before the bundle tests.`);
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-bundle-"));
  try {
    const files = await commandFiles(folder);
    const inputs = { ...(await defaultInputs(actionFolder)), ...options.inputs };
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      RUNNER_TEMP: folder,
      GITHUB_ACTIONS: "true",
      GITHUB_WORKSPACE: options.cwd ?? folder,
      ...files,
      ...prefixed("INPUT_", inputs, (name) => name.replaceAll(" ", "_").toUpperCase()),
      ...prefixed("STATE_", options.state ?? {}, (name) => name),
      ...options.env,
    };
    const ended = await runNode(entry, { ...options, env, cwd: options.cwd ?? folder });
    return {
      ...ended,
      outputs: parseCommandFile(await readFile(files.GITHUB_OUTPUT, "utf8")),
      state: parseCommandFile(await readFile(files.GITHUB_STATE, "utf8")),
      summary: await readFile(files.GITHUB_STEP_SUMMARY, "utf8"),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes the files in which the runner reads what a step wrote. */
export async function commandFiles(folder: string) {
  const files = {
    GITHUB_OUTPUT: join(folder, "output"),
    GITHUB_STATE: join(folder, "state"),
    GITHUB_ENV: join(folder, "env"),
    GITHUB_PATH: join(folder, "path"),
    GITHUB_STEP_SUMMARY: join(folder, "summary"),
  };
  for (const file of Object.values(files)) await writeFile(file, "");
  return files;
}

/** The inputs of an action that have a default, by name. */
export async function defaultInputs(actionFolder: string): Promise<Record<string, string>> {
  const { inputs } = parse(await readFile(join(actionFolder, "action.yml"), "utf8")) as {
    inputs?: Record<string, { default?: string }>;
  };
  const entries = Object.entries(inputs ?? {}).map(([name, input]): [string, string] => {
    const value = String(input.default ?? "");
    return [name, value.includes("github.token") ? "token-of-the-job" : value];
  });
  return Object.fromEntries(entries);
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>, rename: (name: string) => string) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + rename(name), value]));
}

async function runNode(
  entry: string,
  { env, cwd, signal, onOutput }: { env: NodeJS.ProcessEnv; cwd: string } & Pick<BundleOptions, "signal" | "onOutput">,
) {
  const child = spawn(process.execPath, [entry], { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const interrupt = () => child.kill("SIGINT");
  signal?.addEventListener("abort", interrupt, { once: true });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? -1));
  });
  signal?.removeEventListener("abort", interrupt);
  return { exitCode, stdout, stderr };
}

/** Reads the multi-line form that @actions/core writes: NAME<<DELIMITER, the value, DELIMITER. */
export function parseCommandFile(content: string): Record<string, string> {
  const found = content.matchAll(/^([^\n<=]+)<<(\S+)\r?\n([\s\S]*?)\r?\n?\2$/gm);
  return Object.fromEntries([...found].map((match) => [match[1] ?? "", match[3] ?? ""]));
}

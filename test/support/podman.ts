import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerEngineDeps } from "../../lib/engine/container-engine.ts";
import type { RunningShard } from "../../lib/engine/engine.ts";
import { podmanEnvironment } from "../../lib/engine/podman-environment.ts";
import type { Termination } from "../../lib/engine/test-pod.ts";
import { type Exec, exec, findProgram } from "../../lib/exec.ts";
import { silentLog } from "../../lib/log.ts";

/** podman with a store of its own, removed at the end with all its containers and images. */
export interface TestPodman extends AsyncDisposable {
  readonly deps: ContainerEngineDeps;
  /** Every argument that any program was given. */
  readonly seenArguments: readonly string[];
  readonly warnings: readonly string[];
  /** Names of all containers in the store. */
  containers(): Promise<string[]>;
  /** What is left in the folder for temporary files. */
  leftFiles(): Promise<string[]>;
}

/** Makes a store in a temporary folder. Fails with the packages to install when there is no podman. */
export async function startPodman(): Promise<TestPodman> {
  if (!(await findProgram(exec, "podman")))
    throw new Error("podman is missing: install Debian's packages podman, runc and netavark.");
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-podman-"));
  const tempDirectory = join(folder, "temp");
  await mkdir(tempDirectory);
  const storage = `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/store"\nrunroot = "${folder}/run"\n`;
  await writeFile(join(folder, "storage.conf"), storage);
  const env = { ...process.env, CONTAINERS_STORAGE_CONF: join(folder, "storage.conf") };
  const [seenArguments, warnings]: [string[], string[]] = [[], []];
  const watched: Exec = (command, args, options) => {
    seenArguments.push(...args);
    return exec(command, args, options);
  };
  const log = { ...silentLog, warning: (message: string) => void warnings.push(message) };
  const working = await podmanEnvironment({ exec, env, tempDirectory: folder, log: silentLog });
  return {
    deps: {
      exec: watched,
      log,
      env: working,
      tempDirectory,
      signal: new AbortController().signal,
      now: () => new Date(),
    },
    seenArguments,
    warnings,
    async containers() {
      const { stdout } = await exec("podman", ["ps", "--all", "--format", "{{.Names}}"], { env: working });
      return stdout.split("\n").filter(Boolean);
    },
    leftFiles: () => readdir(tempDirectory),
    async [Symbol.asyncDispose]() {
      // Not `system reset`: it also clears /run/libpod, which every podman of this user shares.
      await exec("podman", ["rm", "--all", "--force", "--time", "0"], { env: working });
      await exec("umount", [join(folder, "store/overlay")], { ignoreExitCode: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Reads a test's whole log and waits for its verdict. */
export async function observe(running: RunningShard): Promise<{ log: Buffer; termination: Termination }> {
  const chunks: Uint8Array[] = [];
  const reading = (async () => {
    for await (const chunk of running.log()) chunks.push(Uint8Array.from(chunk));
  })();
  const [termination] = await Promise.all([running.ended(), reading]);
  return { log: Buffer.concat(chunks), termination };
}

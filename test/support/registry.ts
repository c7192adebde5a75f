import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A real registry (Debian's docker-registry) of one test; disposing it ends the process and removes its data. */
export interface TestRegistry extends AsyncDisposable {
  /** `localhost:PORT`. */
  readonly host: string;
  /** The storage root: `docker/registry/v2/…` lies below it. */
  readonly root: string;
  /** Its configuration file. */
  readonly configuration: string;
  /** Ends the process at once, the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>;
}

export interface TestRegistryOptions {
  /** Further top-level YAML of its configuration, for instance an `auth:` block. */
  readonly configuration?: string;
  /** Lines below `http:`, indented by two spaces, for instance `  tls:`. */
  readonly http?: string;
  /** False: it refuses to delete, as a registry does unless it is configured otherwise. Default true. */
  readonly deletes?: boolean;
  /** Where the data lies; default is a temporary folder, removed at the end. */
  readonly root?: string;
}

/** Starts a registry on a free loopback port and waits until it answers. Fails with the Debian package to install when there is no docker-registry. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-registry-"));
  const root = options.root ?? join(folder, "data");
  const port = await freePort();
  const configurationFile = join(folder, "config.yml");
  await writeFile(configurationFile, configuration(root, port, options));
  let child = await launch(configurationFile, port);
  const kill = async () => end(child);
  return {
    host: `localhost:${port}`,
    root,
    configuration: configurationFile,
    kill,
    restart: async () => {
      child = await launch(configurationFile, port);
    },
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No free port.");
  return address.port;
}

function configuration(root: string, port: number, options: TestRegistryOptions): string {
  return `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: ${root}}
  delete: {enabled: ${options.deletes ?? true}}
http:
  addr: 127.0.0.1:${port}
${options.http ?? ""}
${options.configuration ?? ""}
`;
}

async function launch(configurationFile: string, port: number): Promise<ChildProcess> {
  const child = spawn("docker-registry", ["serve", configurationFile], { stdio: ["ignore", "ignore", "pipe"] });
  const output: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  const failed = new Promise<never>((_resolve, reject) => {
    child.once("error", (error) =>
      reject(new Error(`docker-registry could not be started (apt-get install docker-registry): ${error.message}`)),
    );
    child.once("exit", (code) => reject(new Error(`docker-registry ended with ${code}: ${output.join("")}`)));
  });
  failed.catch(() => {});
  await Promise.race([answers(port), failed]);
  return child;
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    // Any answer will do, also 401 or the complaint of a TLS server about plain HTTP.
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
    if (answer) return;
    await sleep(25);
  }
  throw new Error(`docker-registry on port ${port} did not answer within 10 s.`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

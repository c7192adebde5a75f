import { DomainError } from "../error.ts";
import { CommandError, type Exec } from "../exec.ts";
import type { Log } from "../log.ts";
import { retry } from "../retry.ts";

export interface ContainerImageOptions {
  readonly engine: "podman" | "docker";
  readonly image: string;
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Answers that another attempt does not change. */
const final =
  /manifest unknown|not found|name unknown|unauthorized|denied|forbidden|authentication required|invalid reference|no such host/i;

/**
 * Makes sure that the image is in the engine's store. What is named by digest, or exists in this store alone (`localhost/…`), is not
 * pulled again. Throws DomainError `image-pull-failed` with what the registry answered.
 */
export async function ensureImage(options: ContainerImageOptions): Promise<void> {
  const { engine, image, exec, env, log, signal } = options;
  const isFixed = image.includes("@sha256:") || image.startsWith("localhost/");
  if (
    isFixed &&
    (await exec(engine, ["image", "inspect", image], { env, signal, ignoreExitCode: true })).exitCode === 0
  )
    return;
  const insecure = engine === "podman" && isLoopback(image) ? ["--tls-verify=false"] : [];
  const pull = () =>
    exec(engine, ["pull", "--quiet", ...insecure, image], { env, signal, onStderr: (line) => log.debug(line) });
  await retry(pull, {
    attempts: 3,
    retryable: (error) => error instanceof CommandError && error.exitCode !== 127 && !final.test(error.stderr),
    onRetry: (_error, attempt) =>
      log.warning(`${engine} could not pull ${image} (attempt ${attempt} of 3); trying again.`),
    signal,
  }).catch((error: unknown) => {
    throw error instanceof CommandError ? pullError(options, error) : error;
  });
}

/** What the image runs when nothing else is asked for: its entrypoint and command. */
export async function imageCommand({ engine, image, exec, env, signal }: ContainerImageOptions): Promise<string[]> {
  const { stdout } = await exec(engine, ["image", "inspect", "--format", "{{json .Config}}", image], { env, signal });
  const config = JSON.parse(stdout) as { Entrypoint?: string[] | null; Cmd?: string[] | null };
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}

/** Registries on this machine are spoken to in plain HTTP; docker does so by itself. */
function isLoopback(image: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?\//.test(image);
}

function pullError({ engine, image }: ContainerImageOptions, error: CommandError): DomainError {
  const answer = error.stderr.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
  const hint = /unauthorized|denied|authentication required/i.test(answer)
    ? `Log in with \`${engine} login\`.`
    : "Check the reference, and that its registry can be reached from this machine.";
  return new DomainError("image-pull-failed", `${engine} could not pull ${image}: ${answer}`, {
    hint,
    retryable: !final.test(answer),
    cause: error,
  });
}

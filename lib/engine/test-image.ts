import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import { readImageConfig } from "../oci/image-config.ts";
import { formatReference, type OciReference, parseReference } from "../oci/reference.ts";
import { openRegistry } from "../oci/registry-client.ts";

export interface TestImageOptions {
  readonly image: string;
  /** Text for `/bin/sh -c`. */
  readonly command: string | undefined;
  readonly args: readonly string[];
  /** Whether the command runs under the wrapper, which has to know it. */
  readonly wrap: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface TestImage {
  /** By digest. */
  readonly image: string;
  /** What the container runs; empty runs the image as it is. */
  readonly command: readonly string[];
}

/**
 * Which image and which command to run. The registry is asked only for what the caller left open: the digest of a tag, the image's own
 * entrypoint and command. Throws the registry's DomainErrors, or `command-missing` when neither side names a command.
 */
export async function resolveTestImage(options: TestImageOptions): Promise<TestImage> {
  const { image, command, args, wrap } = options;
  const reference = parseReference(image);
  if (!reference) throw new DomainError("image-invalid", `${image} is no image reference.`);
  const given = command === undefined ? undefined : ["/bin/sh", "-c", command, "sh", ...args];
  const runsAsItIs = given === undefined && !wrap && args.length === 0;
  if (reference.digest && (given || runsAsItIs)) return { image, command: given ?? [] };
  const config = await readConfig(reference, options);
  const own = [...config.entrypoint, ...(args.length > 0 ? args : config.cmd)];
  const resolved = given ?? (runsAsItIs ? [] : own);
  if (resolved.length === 0 && !runsAsItIs) {
    const hint = "Set the input command.";
    throw new DomainError(
      "command-missing",
      `Image ${image} has neither entrypoint nor command, and no command was given.`,
      { hint },
    );
  }
  const digest = reference.digest ?? config.digest;
  return { image: formatReference({ ...reference, tag: undefined, digest }), command: resolved };
}

async function readConfig(reference: OciReference, { env, log, signal }: TestImageOptions) {
  using client = openRegistry({ registry: reference.registry, env, log, signal });
  return await readImageConfig(client, reference.repository, reference.digest ?? reference.tag ?? "latest");
}

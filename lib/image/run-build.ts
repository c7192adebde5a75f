import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DomainError, InputError } from "../error.ts";
import { CommandError } from "../exec.ts";
import type { Builder, BuilderDeps, BuildRequest } from "./builder.ts";
import { type BuiltLayout, readBuiltLayout } from "./layout.ts";

/**
 * Throws InputError `output` when the directory holds anything but an OCI image layout: only such a one is ever replaced.
 */
export async function requireReplaceable(directory: string, outputInput: string): Promise<void> {
  const names = await readdir(directory).catch(async () =>
    (await stat(directory).catch(() => undefined)) ? ["."] : [],
  );
  if (names.length === 0 || names.includes("oci-layout")) return;
  throw new InputError(
    "output",
    outputInput,
    "a new or empty directory, or an OCI image layout to replace",
    `${directory} holds other files.`,
  );
}

/**
 * Builds beside `request.layout` and puts the finished layout there, so that a build that fails or is cancelled leaves what was there
 * before. Throws DomainError `build-failed`, or `labels-differ` when the image does not carry the labels that it was planned with.
 */
export async function runBuild(builder: Builder, request: BuildRequest, deps: BuilderDeps): Promise<BuiltLayout> {
  const partial = `${request.layout}.partial`;
  await mkdir(join(request.layout, ".."), { recursive: true });
  await rm(partial, { recursive: true, force: true });
  try {
    await builder.build({ ...request, layout: partial }, deps);
    const built = await readBuiltLayout(partial);
    requireLabels(built, request);
    await rm(request.layout, { recursive: true, force: true });
    await rename(partial, request.layout);
    return built;
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw new DomainError(
      "build-failed",
      `${builder.name} could not build ${request.dockerfile} (exit code ${cause.exitCode}).`,
      {
        hint: "Its log above names the step that failed and what it said.",
        cause: lastLines(cause),
      },
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

function requireLabels(built: BuiltLayout, request: BuildRequest): void {
  for (const [name, value] of Object.entries(request.expectedLabels)) {
    if (built.labels[name] === value) continue;
    throw new DomainError(
      "labels-differ",
      `The image built from ${request.dockerfile} has ${name}=${built.labels[name] ?? ""}, but its Dockerfile was read as ${value}.`,
      { hint: `Write the value of ${name} out, without variables that only a base image sets.` },
    );
  }
}

function lastLines(error: CommandError): Error {
  // Without the arguments: the log has the command, and the reader wants what the builder said.
  return new Error(error.stderr.trim().split("\n").slice(-3).join("\n"));
}

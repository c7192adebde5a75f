import { DomainError } from "../error.ts";
import type { CommandError } from "../exec.ts";

/** What could not be saved out of an engine's store, by which program and into which folder. */
export interface FailedSave {
  readonly program: string;
  readonly name: string;
  readonly folder: string;
  readonly cause: CommandError;
}

/** Why podman, buildah or docker gave no archive of an image, by what the program said. */
export function engineFailure({ program, name, folder, cause }: FailedSave): DomainError {
  const words = cause.stderr.trim().split("\n").at(-1) || `it ended before it was done (exit code ${cause.exitCode}).`;
  if (/reference does not exist|no such image|image not known/i.test(words)) {
    return new DomainError("source-absent", `${program} has no image ${name}.`, {
      hint: `See what ${program} images lists: docker and podman, and each user, have stores of their own.`,
      cause,
    });
  }
  if (/connect to the docker (?:daemon|api)/i.test(words)) {
    return new DomainError("engine-unreachable", `docker cannot give ${name}: ${words}`, {
      hint: "Start docker, let this user use its socket (group docker), or set DOCKER_HOST.",
      retryable: true,
      cause,
    });
  }
  if (/no space left on device/i.test(words)) {
    return new DomainError("disk-full", `${program} could not save ${name}: no space is left in ${folder}.`, {
      hint: "It takes as much as the image has unpacked. Free space there, or push an OCI layout, which needs none.",
      cause,
    });
  }
  return new DomainError("source-unreadable", `${program} could not save ${name}: ${words}`, {
    hint: `Check that ${program} works here: ${program} save ${name}.`,
    cause,
  });
}

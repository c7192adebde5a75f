import { DomainError } from "../../lib/error.ts";
import type { Published } from "../../lib/image/published-image.ts";

export interface Decision {
  /** The existing image to use; undefined when one has to be built. */
  readonly digest: string | undefined;
  /** Which tags the image is to get. The version goes first: where the inputs tag is found, the version was written. */
  readonly tags: readonly ("version" | "inputs")[];
  readonly warnings: readonly string[];
}

export interface DecideOptions {
  readonly published: Published;
  readonly rebuild: "auto" | "always" | "never";
  /** `registry/repository`. */
  readonly name: string;
  readonly version: string;
  readonly file: string;
}

/** Decides from what exists whether to build. Throws DomainError `version-exists`, or `image-missing` when building is not allowed. */
export function decide(options: DecideOptions): Decision {
  const { published, rebuild, name, version } = options;
  if (published.kind === "current") return { digest: published.digest, tags: ["inputs"], warnings: [] };
  if (published.kind === "bases-unknown") {
    const warning = `The base images of ${name}:${version} could not be compared; everything else is the same, so it is used as it is.`;
    return { digest: published.digest, tags: [], warnings: [warning] };
  }
  if (rebuild === "never") throw missing(options);
  if (published.kind === "absent") return { digest: undefined, tags: ["version", "inputs"], warnings: [] };
  if (published.kind === "changed") throw versionExists(options);
  const warning = [
    `A base image moved under its tag, so the image is built again (${published.moved.join("; ")}).`,
    `${name}:${version} stays as it is: change registry.version, or set rebuild to always, to give the new image a version.`,
  ].join("\n");
  return { digest: undefined, tags: ["inputs"], warnings: [warning] };
}

function missing({ published, name, version }: DecideOptions): DomainError {
  const observed = {
    absent: `${name} has no image of these inputs and no version ${version}`,
    changed: `${name}:${version} was made from other inputs`,
    "bases-moved": `${name}:${version} was made from older base images`,
  };
  const kind = published.kind === "changed" || published.kind === "bases-moved" ? published.kind : "absent";
  return new DomainError("image-missing", `${observed[kind]}, and rebuild is never.`, {
    hint: "Build and push it first, or set rebuild to auto.",
  });
}

function versionExists({ published, name, version, file }: DecideOptions): DomainError {
  const isOurs = published.kind === "changed" && published.hash !== undefined;
  const observed = isOurs
    ? `${name}:${version} exists and was made from other inputs than ${file} has now`
    : `${name}:${version} exists and does not say what it was made from`;
  return new DomainError("version-exists", `${observed}; a version is never overwritten.`, {
    hint: `Raise the label registry.version in ${file}, or set rebuild to always.`,
  });
}

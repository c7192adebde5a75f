import { readFile, stat } from "node:fs/promises";
import { InputError } from "../error.ts";
import { isTag, parseNamed } from "../oci/reference.ts";
import { type Dockerfile, parseDockerfile } from "./dockerfile.ts";

export interface BaseDockerfileOptions {
  /** Absolute path. */
  readonly file: string;
  /** As the caller wrote it, for messages. */
  readonly fileInput: string;
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** A Dockerfile whose labels say under which name and version its image is kept. */
export interface BaseDockerfile {
  readonly path: string;
  readonly content: string;
  readonly dockerfile: Dockerfile;
  /** The label `registry.repo` as it is. */
  readonly name: string;
  /** The same without a registry: where an image goes is the input `registry`'s to say. */
  readonly repository: string;
  readonly version: string;
}

/** Reads the Dockerfile and its labels `registry.repo` and `registry.version`. Throws InputError `file`, `target` or `build-args`. */
export async function readBaseDockerfile(options: BaseDockerfileOptions): Promise<BaseDockerfile> {
  const { file, fileInput, target, buildArgs } = options;
  if (!(await stat(file).catch(() => undefined))?.isFile()) {
    throw new InputError("file", fileInput, "an existing Dockerfile", `There is no file ${file}.`);
  }
  const content = await readFile(file, "utf8");
  const dockerfile = parseDockerfile(content, { buildArgs, target });
  if (!dockerfile) throw unknownStage(options, content);
  const name = requireLabel(dockerfile, "registry.repo", options);
  const version = requireLabel(dockerfile, "registry.version", options);
  const named = parseNamed(name);
  if (!named || named.tag !== undefined || named.digest !== undefined) {
    throw new InputError(
      "file",
      fileInput,
      "a Dockerfile whose label registry.repo is a repository without tag, such as team/base",
      `It is ${JSON.stringify(name)}.`,
    );
  }
  if (!isTag(version)) {
    throw new InputError(
      "file",
      fileInput,
      "a Dockerfile whose label registry.version may be an image's tag, such as 1.4.0",
      `It is ${JSON.stringify(version)}.`,
    );
  }
  return { path: file, content, dockerfile, name, repository: named.repository, version };
}

function requireLabel(dockerfile: Dockerfile, label: string, options: BaseDockerfileOptions): string {
  const value = dockerfile.labels[label];
  if (value) return value;
  const example = label === "registry.repo" ? "team/base" : "1.0.0";
  const why =
    value === undefined
      ? `The stage built has no label ${label}`
      : `The label ${label} is empty: a build argument it uses has no value`;
  throw new InputError(
    "file",
    options.fileInput,
    `a Dockerfile with the label ${label}`,
    `${why}; write: LABEL ${label}="${example}"`,
  );
}

function unknownStage(options: BaseDockerfileOptions, content: string): InputError {
  const stages = parseDockerfile(content, { buildArgs: options.buildArgs, target: undefined })?.stages ?? [];
  if (options.target === undefined || stages.length === 0) {
    return new InputError("file", options.fileInput, "a Dockerfile with a FROM");
  }
  return new InputError("target", options.target, `a stage of ${options.fileInput}: ${stages.join(", ")}`);
}

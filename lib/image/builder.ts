import type { Exec } from "../exec.ts";

/** A secret for RUN --mount=type=secret: its value travels in the builder's environment, never in argv or on a disk. */
export interface BuildSecret {
  readonly id: string;
  /** Name of the environment variable of the builder that holds the value. */
  readonly variable: string;
}

/** One image to build; every path is absolute. */
export interface BuildRequest {
  readonly dockerfile: string;
  readonly context: string;
  readonly ignoreFile: string | undefined;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Labels the image must have in the end, wherever they come from. */
  readonly expectedLabels: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  readonly secrets: readonly BuildSecret[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  /** Time of everything in the image, in seconds since 1970, so that equal inputs give equal bytes; undefined leaves the clock's time. */
  readonly epochSeconds: number | undefined;
  /** Tag of the image within the layout. */
  readonly tag: string;
  /** Where the OCI image layout goes; does not exist yet. */
  readonly layout: string;
  /** Environment of the builder, values of secrets included. */
  readonly env: NodeJS.ProcessEnv;
}

/** What a builder needs from its surroundings. */
export interface BuilderDeps {
  readonly exec: Exec;
  readonly signal: AbortSignal;
  /** Gets each line that the builder prints. */
  readonly onLine: (line: string) => void;
}

/** A program that builds Dockerfiles. */
export interface Builder {
  readonly name: "buildx" | "buildkit" | "buildah";
  /** Which program and version this is, and how it was set up: one line for the log. */
  readonly description: string;
  /** Builds into `request.layout`; throws CommandError. What is half-made is removed by the builder itself, but for the layout. */
  build(request: BuildRequest, deps: BuilderDeps): Promise<void>;
}

/** What buildah and docker buildx take by the same flags. */
export function dockerfileArguments(request: BuildRequest): readonly string[] {
  const keyValues = (entries: Readonly<Record<string, string>>) =>
    Object.entries(entries).map(([key, value]) => `${key}=${value}`);
  return [
    ...(request.target === undefined ? [] : ["--target", request.target]),
    ...repeatFlag("--build-arg", keyValues(request.args)),
    ...repeatFlag("--label", keyValues(request.labels)),
    ...(request.platforms.length > 0 ? ["--platform", request.platforms.join(",")] : []),
    ...repeatFlag(
      "--secret",
      request.secrets.map(({ id, variable }) => `id=${id},env=${variable}`),
    ),
    ...repeatFlag("--cache-from", request.cacheFrom),
    ...repeatFlag("--cache-to", request.cacheTo),
  ];
}

/** `flag value` for each value. */
export function repeatFlag(flag: string, values: readonly string[]): readonly string[] {
  return values.flatMap((value) => [flag, value]);
}

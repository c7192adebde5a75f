import { dirname } from "node:path";
import { type Builder, type BuildRequest, keyValueFlags, repeatFlag } from "./builder.ts";

/** docker buildx with a builder that can export OCI layouts. */
export function buildxBuilder(description: string): Builder {
  return {
    name: "buildx",
    description,
    async build(request, { exec, signal, onLine }) {
      const env = { ...request.env, ...sourceDateEpoch(request) };
      await exec("docker", buildxArguments(request), { env, signal, onStdout: onLine, onStderr: onLine });
    },
  };
}

/** The arguments of `docker` for one build. */
export function buildxArguments(request: BuildRequest): readonly string[] {
  return [
    "buildx",
    "build",
    "--progress=plain",
    // An attestation turns the image into an index with an entry of platform unknown/unknown, which consumers trip over.
    "--provenance=false",
    "--sbom=false",
    ...["--file", request.dockerfile],
    ...(request.target === undefined ? [] : ["--target", request.target]),
    ...keyValueFlags("--build-arg", request.args),
    ...keyValueFlags("--label", request.labels),
    ...(request.platforms.length > 0 ? ["--platform", request.platforms.join(",")] : []),
    ...repeatFlag("--secret", request.secrets.map(({ id, variable }) => `id=${id},env=${variable}`)),
    ...repeatFlag("--cache-from", request.cacheFrom),
    ...repeatFlag("--cache-to", request.cacheTo),
    ...["--output", ociOutput(request)],
    request.context,
  ];
}

/** The arguments of `buildctl` for one build. */
export function buildctlArguments(request: BuildRequest): readonly string[] {
  const options = (prefix: string, entries: Readonly<Record<string, string>>) =>
    Object.entries(entries).flatMap(([key, value]) => ["--opt", `${prefix}:${key}=${value}`]);
  const file = request.dockerfile.slice(dirname(request.dockerfile).length + 1);
  return [
    "build",
    "--progress=plain",
    "--frontend=dockerfile.v0",
    ...["--local", `context=${request.context}`],
    ...["--local", `dockerfile=${dirname(request.dockerfile)}`],
    ...["--opt", `filename=${file}`],
    ...(request.target === undefined ? [] : ["--opt", `target=${request.target}`]),
    ...options("build-arg", { ...request.args, ...sourceDateEpoch(request) }),
    ...options("label", request.labels),
    ...(request.platforms.length > 0 ? ["--opt", `platform=${request.platforms.join(",")}`] : []),
    ...repeatFlag("--secret", request.secrets.map(({ id, variable }) => `id=${id},env=${variable}`)),
    ...repeatFlag("--import-cache", request.cacheFrom),
    ...repeatFlag("--export-cache", request.cacheTo),
    ...["--output", ociOutput(request)],
  ];
}

function ociOutput(request: BuildRequest): string {
  // Compressed once, fast and small; a push then sends these bytes as they are.
  const compression = "compression=zstd,compression-level=1,oci-mediatypes=true";
  const stamp = request.epochSeconds === undefined ? "" : ",rewrite-timestamp=true";
  return `type=oci,dest=${request.layout},tar=false,${compression}${stamp}`;
}

function sourceDateEpoch(request: BuildRequest): Readonly<Record<string, string>> {
  return request.epochSeconds === undefined ? {} : { SOURCE_DATE_EPOCH: String(request.epochSeconds) };
}

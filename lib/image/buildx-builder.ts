import { type Builder, type BuildRequest, dockerfileArguments } from "./builder.ts";
import { ociOutput, sourceDateEpoch } from "./oci-output.ts";

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
    "--file",
    request.dockerfile,
    ...dockerfileArguments(request),
    "--output",
    ociOutput(request),
    request.context,
  ];
}

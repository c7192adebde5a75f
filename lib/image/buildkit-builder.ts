import { basename, dirname } from "node:path";
import { CommandError } from "../exec.ts";
import { type Builder, type BuildRequest, repeatFlag } from "./builder.ts";
import { connectionLost } from "./buildkit-failure.ts";
import { ociOutput, sourceDateEpoch } from "./oci-output.ts";

/** The flags that reach the daemon: BUILDKIT_TLS_DIR holds `ca.pem`, `cert.pem` and `key.pem` for one that is reached over TLS. */
export function buildctlFlags(env: NodeJS.ProcessEnv): readonly string[] {
  return env.BUILDKIT_TLS_DIR ? ["--tlsdir", env.BUILDKIT_TLS_DIR] : [];
}

/** A BuildKit daemon, driven by `buildctl`; BUILDKIT_HOST names it. Throws DomainError `buildkit-lost` when it goes away during a build. */
export function buildctlBuilder(description: string): Builder {
  return {
    name: "buildkit",
    description,
    async build(request, { exec, signal, onLine }) {
      const options = { env: request.env, signal, onStdout: onLine, onStderr: onLine };
      try {
        await exec("buildctl", [...buildctlFlags(request.env), ...buildctlArguments(request)], options);
      } catch (error) {
        throw (error instanceof CommandError && connectionLost(request.env, error.stderr)) || error;
      }
    },
  };
}

/** The arguments of `buildctl` for one build. */
export function buildctlArguments(request: BuildRequest): readonly string[] {
  const options = (prefix: string, entries: Readonly<Record<string, string>>) =>
    Object.entries(entries).flatMap(([key, value]) => ["--opt", `${prefix}:${key}=${value}`]);
  return [
    "build",
    "--progress=plain",
    "--frontend=dockerfile.v0",
    "--local",
    `context=${request.context}`,
    "--local",
    `dockerfile=${dirname(request.dockerfile)}`,
    "--opt",
    `filename=${basename(request.dockerfile)}`,
    ...(request.target === undefined ? [] : ["--opt", `target=${request.target}`]),
    ...options("build-arg", { ...request.args, ...sourceDateEpoch(request) }),
    ...options("label", request.labels),
    ...(request.platforms.length > 0 ? ["--opt", `platform=${request.platforms.join(",")}`] : []),
    ...repeatFlag(
      "--secret",
      request.secrets.map(({ id, variable }) => `id=${id},env=${variable}`),
    ),
    ...repeatFlag("--import-cache", request.cacheFrom),
    ...repeatFlag("--export-cache", request.cacheTo),
    "--output",
    ociOutput(request),
  ];
}

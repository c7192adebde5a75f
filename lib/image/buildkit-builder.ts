import { basename, dirname } from "node:path";
import { type Builder, type BuildRequest, repeatFlag } from "./builder.ts";
import { ociOutput, sourceDateEpoch } from "./oci-output.ts";

/** The flags that reach the daemon: BUILDKIT_TLS_DIR holds `ca.pem`, `cert.pem` and `key.pem` for one that is reached over TLS. */
export function buildctlFlags(env: NodeJS.ProcessEnv): readonly string[] {
  return env.BUILDKIT_TLS_DIR ? ["--tlsdir", env.BUILDKIT_TLS_DIR] : [];
}

/** A BuildKit daemon, driven by `buildctl`; BUILDKIT_HOST names it. */
export function buildctlBuilder(description: string): Builder {
  return {
    name: "buildkit",
    description,
    async build(request, { exec, signal, onLine }) {
      await exec("buildctl", [...buildctlFlags(request.env), ...buildctlArguments(request)], {
        env: request.env,
        signal,
        onStdout: onLine,
        onStderr: onLine,
      });
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

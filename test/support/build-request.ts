import type { BuildRequest } from "../../lib/image/builder.ts";

/** A build request in which everything optional is given, for tests of builders' arguments. */
export function fullBuildRequest(): BuildRequest {
  return {
    dockerfile: "/project/docker/Dockerfile_base",
    context: "/project",
    ignoreFile: "/project/docker/Dockerfile_base.dockerignore",
    target: "dev",
    args: { CUDA: "13.0 beta" },
    labels: { "gpu-ci.inputs-hash": "abc" },
    expectedLabels: {},
    platforms: ["linux/amd64", "linux/arm64"],
    secrets: [{ id: "token", variable: "GPU_CI_SECRET_0" }],
    cacheFrom: ["from"],
    cacheTo: ["to"],
    epochSeconds: 1700000000,
    tag: "1.0.0",
    layout: "/out/layout",
    env: { PATH: "/usr/bin", GPU_CI_SECRET_0: "hidden" },
  };
}

/** A build request in which nothing optional is given. */
export function plainBuildRequest(): BuildRequest {
  return {
    ...fullBuildRequest(),
    ignoreFile: undefined,
    target: undefined,
    args: {},
    labels: {},
    platforms: [],
    secrets: [],
    cacheFrom: [],
    cacheTo: [],
    epochSeconds: undefined,
  };
}

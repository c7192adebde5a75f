import { describe, expect, it } from "vitest";
import { buildahArguments } from "../../../../lib/image/buildah-builder.ts";
import { fullBuildRequest, plainBuildRequest } from "../../../support/build-request.ts";

describe("arguments for buildah", () => {
  it("hold everything that was asked for, and no secret's value", () => {
    expect(buildahArguments(fullBuildRequest(), "chroot")).toEqual([
      "build",
      "--isolation",
      "chroot",
      "--network",
      "host",
      "--no-cache",
      "--force-rm",
      "--format",
      "oci",
      "--file",
      "/project/docker/Dockerfile_base",
      "--ignorefile",
      "/project/docker/Dockerfile_base.dockerignore",
      "--target",
      "dev",
      "--build-arg",
      "CUDA=13.0 beta",
      "--label",
      "gpu-ci.inputs-hash=abc",
      "--platform",
      "linux/amd64,linux/arm64",
      "--secret",
      "id=token,env=GPU_CI_SECRET_0",
      "--cache-from",
      "from",
      "--cache-to",
      "to",
      "--identity-label=false",
      "--timestamp",
      "1700000000",
      "--manifest",
      "localhost/gpu-ci-build:1.0.0",
      "/project",
    ]);
  });

  it("hold no more than needed otherwise", () => {
    expect(buildahArguments(plainBuildRequest(), "chroot")).toEqual([
      "build",
      "--isolation",
      "chroot",
      "--network",
      "host",
      "--layers",
      "--force-rm",
      "--format",
      "oci",
      "--file",
      "/project/docker/Dockerfile_base",
      "--identity-label=false",
      "--tag",
      "oci:/out/layout:1.0.0",
      "/project",
    ]);
  });
});

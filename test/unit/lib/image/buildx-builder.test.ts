import { describe, expect, it } from "vitest";
import { buildxArguments } from "../../../../lib/image/buildx-builder.ts";
import { fullBuildRequest, plainBuildRequest } from "../../../support/build-request.ts";

describe("arguments for buildx", () => {
  it("hold everything that was asked for, and no secret's value", () => {
    expect(buildxArguments(fullBuildRequest())).toEqual([
      "buildx",
      "build",
      "--progress=plain",
      "--provenance=false",
      "--sbom=false",
      "--file",
      "/project/docker/Dockerfile_base",
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
      "--output",
      "type=oci,dest=/out/layout,tar=false,compression=zstd,compression-level=1,oci-mediatypes=true,rewrite-timestamp=true",
      "/project",
    ]);
  });

  it("hold no more than needed otherwise", () => {
    expect(buildxArguments(plainBuildRequest())).toEqual([
      "buildx",
      "build",
      "--progress=plain",
      "--provenance=false",
      "--sbom=false",
      "--file",
      "/project/docker/Dockerfile_base",
      "--output",
      "type=oci,dest=/out/layout,tar=false,compression=zstd,compression-level=1,oci-mediatypes=true",
      "/project",
    ]);
  });
});

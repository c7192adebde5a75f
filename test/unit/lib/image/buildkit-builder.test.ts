import { describe, expect, it } from "vitest";
import { buildctlArguments } from "../../../../lib/image/buildkit-builder.ts";
import { fullBuildRequest, plainBuildRequest } from "../../../support/build-request.ts";

describe("arguments for buildkit", () => {
  it("hold everything that was asked for, and no secret's value", () => {
    expect(buildctlArguments(fullBuildRequest())).toEqual([
      "build",
      "--progress=plain",
      "--frontend=dockerfile.v0",
      "--local",
      "context=/project",
      "--local",
      "dockerfile=/project/docker",
      "--opt",
      "filename=Dockerfile_base",
      "--opt",
      "target=dev",
      "--opt",
      "build-arg:CUDA=13.0 beta",
      "--opt",
      "build-arg:SOURCE_DATE_EPOCH=1700000000",
      "--opt",
      "label:gpu-ci.inputs-hash=abc",
      "--opt",
      "platform=linux/amd64,linux/arm64",
      "--secret",
      "id=token,env=GPU_CI_SECRET_0",
      "--import-cache",
      "from",
      "--export-cache",
      "to",
      "--output",
      "type=oci,dest=/out/layout,tar=false,compression=zstd,compression-level=1,oci-mediatypes=true,rewrite-timestamp=true",
    ]);
  });

  it("hold no more than needed otherwise", () => {
    expect(buildctlArguments(plainBuildRequest())).toEqual([
      "build",
      "--progress=plain",
      "--frontend=dockerfile.v0",
      "--local",
      "context=/project",
      "--local",
      "dockerfile=/project/docker",
      "--opt",
      "filename=Dockerfile_base",
      "--output",
      "type=oci,dest=/out/layout,tar=false,compression=zstd,compression-level=1,oci-mediatypes=true",
    ]);
  });
});

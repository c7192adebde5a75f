import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBaseDockerfile } from "../../../../lib/image/base-dockerfile.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gpu-ci-dockerfile-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function read(content: string | undefined, target?: string) {
  const file = join(directory, content === undefined ? "missing" : "Dockerfile_base");
  if (content !== undefined) await writeFile(file, content);
  return readBaseDockerfile({ file, fileInput: "Dockerfile_base", target, buildArgs: {} });
}

describe("a Dockerfile that names its image", () => {
  it("gives repository and version, whatever registry the label names", async () => {
    const both = "FROM scratch\nLABEL registry.repo=quay.io/team/base registry.version=1.0.0";
    expect(await read(both)).toMatchObject({ name: "quay.io/team/base", repository: "team/base", version: "1.0.0" });
    expect(await read(both.replace("quay.io/", ""))).toMatchObject({ name: "team/base", repository: "team/base" });
  });

  const table: readonly [string, string | undefined, string][] = [
    ["no file", undefined, "There is no file"],
    ["no FROM", "LABEL a=b", "allowed: a Dockerfile with a FROM"],
    ["no repository", "FROM scratch\nLABEL registry.version=1", 'write: LABEL registry.repo="team/base"'],
    ["no version", "FROM scratch\nLABEL registry.repo=a/b", 'write: LABEL registry.version="1.0.0"'],
    [
      "an argument without a value",
      "FROM a\nARG V\nLABEL registry.repo=a/b registry.version=$V",
      "a build argument it uses has no value",
    ],
    ["a repository with a tag", "FROM a\nLABEL registry.repo=a/b:1 registry.version=1", "a repository without tag"],
    ["upper case", "FROM a\nLABEL registry.repo=Team/Base registry.version=1", "a repository without tag"],
    ["a version that is no tag", 'FROM a\nLABEL registry.repo=a/b registry.version="1 beta"', "may be an image's tag"],
  ];

  it.each(table)("is refused: %s", async (_name, content, message) => {
    await expect(read(content)).rejects.toThrow(message);
    await expect(read(content)).rejects.toMatchObject({ input: "file" });
  });

  it("is refused when the target is no stage of it", async () => {
    await expect(read("FROM a AS one\nFROM b AS two", "three")).rejects.toThrow(
      'Input target is "three"; allowed: a stage of Dockerfile_base: one, two.',
    );
  });
});

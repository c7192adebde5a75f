import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DockerfileParser } from "dockerfile-ast";
import { describe, expect, it } from "vitest";
import { exec } from "../../../lib/exec.ts";
import { root } from "../../support/house.ts";

const folder = join(root, "runner-deploy/images");
const files = globSync("Dockerfile_*", { cwd: folder }).filter((name) => !name.endsWith(".dockerignore"));

const instructionsOf = (name: string) =>
  DockerfileParser.parse(readFileSync(join(folder, name), "utf8"))
    .getInstructions()
    .map((instruction) => ({
      keyword: instruction.getKeyword(),
      text: instruction.getRawArgumentsContent()?.replaceAll("\\\n", "") ?? "",
    }));
const textsOf = (name: string, keyword: string) =>
  instructionsOf(name).flatMap((instruction) => (instruction.keyword === keyword ? [instruction.text] : []));

describe.each(files.toSorted())("runner-deploy/images/%s", (name) => {
  it("is made of instructions that Docker knows, and begins at a base that can be given", () => {
    const known = ["ARG", "COPY", "ENTRYPOINT", "FROM", "RUN", "USER", "WORKDIR"];
    expect(instructionsOf(name).filter(({ keyword }) => !known.includes(keyword))).toEqual([]);
    expect(textsOf(name, "FROM").every((text) => /^\$\{BASE\}( AS \w+)?$/.test(text))).toBe(true);
    expect(textsOf(name, "ARG")[0]).toMatch(/^BASE=docker\.io\/library\/[a-z]+:[\w.-]+$/);
  });

  it("ends as user 1000 with an entry point that needs no shell", () => {
    expect(textsOf(name, "USER")).toEqual(["1000:1000"]);
    const [entrypoint = ""] = textsOf(name, "ENTRYPOINT");
    expect(JSON.parse(entrypoint)).toEqual(expect.arrayContaining([expect.any(String)]));
    expect(instructionsOf(name).at(-1)?.keyword).toBe("ENTRYPOINT");
  });
});

describe("GitHub's runner", () => {
  const name = "Dockerfile_github_runner";

  it("is a release that the builder names by version and SHA-256, checked before it is unpacked", () => {
    expect(textsOf(name, "ARG").slice(1)).toEqual(["RUNNER_VERSION", "RUNNER_SHA256", "RUNNER_ARCH=x64"]);
    const [download = ""] = textsOf(name, "RUN").filter((text) => text.includes("curl -"));
    const steps = download.split("&&").map((step) => step.trim());
    const [fetched = "", checked = "", unpacked = ""] = steps.slice(1, 4);
    expect(fetched).toMatch(
      /^curl -fsSL -o (\S+) "https:\/\/github\.com\/actions\/runner\/releases\/download\/v\$\{RUNNER_VERSION\}\//,
    );
    expect(checked).toMatch(/^echo "\$\{RUNNER_SHA256\} {2}(\S+)" \| sha256sum --check$/);
    expect(unpacked).toMatch(/^tar -xzf /);
    const files = [/-o (\S+)/.exec(fetched)?.[1], / {2}(\S+)"/.exec(checked)?.[1], /-xzf (\S+)/.exec(unpacked)?.[1]];
    expect(new Set(files)).toEqual(new Set(["/tmp/runner.tar.gz"]));
  });

  it("is started by a script that a shell can read and that is in the folder", async () => {
    const [copied = ""] = textsOf(name, "COPY");
    const script = join(folder, basename(copied.split(" ")[0] ?? ""));
    expect((await exec("sh", ["-n", script])).exitCode).toBe(0);
    expect(copied.split(" ")[1]).toBe(JSON.parse(textsOf(name, "ENTRYPOINT")[0] ?? "")[0]);
  });
});

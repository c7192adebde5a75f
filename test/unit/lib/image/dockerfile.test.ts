// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles have variables of this form.
import { describe, expect, it } from "vitest";
import { parseDockerfile } from "../../../../lib/image/dockerfile.ts";

function parse(content: string, buildArgs: Record<string, string> = {}, target?: string) {
  return parseDockerfile(content, { buildArgs, target });
}

describe("labels of a Dockerfile", () => {
  const table: readonly [string, string, Record<string, string>, Record<string, string>][] = [
    ["one", "FROM a\nLABEL registry.repo=team/base", {}, { "registry.repo": "team/base" }],
    [
      "several lines with a comment, a comma and an ampersand, as studio-go-runner writes them",
      'FROM a\nLABEL vendor="Sentient Technologies, LLC & Co" \\\n# not the end\n      registry.repo=leafai/studio-go-runner-dev-base \\\n      registry.version=0.0.9\n',
      {},
      {
        vendor: "Sentient Technologies, LLC & Co",
        "registry.repo": "leafai/studio-go-runner-dev-base",
        "registry.version": "0.0.9",
      },
    ],
    ["escaped quotes", 'FROM a\nLABEL a="say \\"hi\\""', {}, { a: 'say "hi"' }],
    ["a quoted name", 'FROM a\nLABEL "registry.version"="1.2"', {}, { "registry.version": "1.2" }],
    ["the old form with a space", "FROM a\nLABEL registry.version 1.2 beta", {}, { "registry.version": "1.2 beta" }],
    ["a later one wins", "FROM a\nLABEL a=1\nLABEL a=2", {}, { a: "2" }],
    ["an argument's default", "FROM a\nARG V=1.2\nLABEL v=$V-gpu", {}, { v: "1.2-gpu" }],
    ["a given argument", "FROM a\nARG V=1.2\nLABEL v=${V}", { V: "2.0" }, { v: "2.0" }],
    ["a global argument taken over", "ARG V=1\nFROM a\nARG V\nLABEL v=$V", {}, { v: "1" }],
    ["a global argument not taken over", "ARG V=1\nFROM a\nLABEL v=$V", {}, { v: "" }],
    ["ENV", "FROM a\nENV V=3\nLABEL v=$V", {}, { v: "3" }],
    [
      "defaults within",
      "FROM a\nARG E=\nLABEL v=${V:-d} w=${V-d} x=${E:-d} y=${E-d}",
      {},
      { v: "d", w: "d", x: "d", y: "" },
    ],
    ["alternatives within", "FROM a\nARG V=1\nLABEL v=${V:+set} w=${N:+set}", {}, { v: "set", w: "" }],
    ["a nested default", "FROM a\nARG W=2\nLABEL v=${V:-${W}}", {}, { v: "2" }],
    ["nothing replaced in single quotes", "FROM a\nARG V=1\nLABEL v='$V'", {}, { v: "$V" }],
    ["an escaped dollar", "FROM a\nARG V=1\nLABEL v=\\$V", {}, { v: "$V" }],
    ["another escape character", "# escape=`\nFROM a\nLABEL a=1 `\n  b=2", {}, { a: "1", b: "2" }],
    ["text in a heredoc is none", "FROM a\nRUN <<EOT\nLABEL a=1\nEOT\nLABEL b=2", {}, { b: "2" }],
    ["those of the stage it is made from", "FROM a AS one\nLABEL a=1\nFROM one\nLABEL b=2", {}, { a: "1", b: "2" }],
    ["none of another stage", "FROM a AS one\nLABEL a=1\nFROM b\nLABEL b=2", {}, { b: "2" }],
    ["carriage returns", "FROM a\r\nLABEL a=1 \\\r\n  b=2\r\n", {}, { a: "1", b: "2" }],
  ];

  it.each(table)("%s", (_name, content, buildArgs, labels) => {
    expect(parse(content, buildArgs)?.labels).toEqual(labels);
  });

  it("are those of the target, by name or number", () => {
    const content = "FROM a AS One\nLABEL a=1\nFROM b AS two\nLABEL b=2";
    expect(parse(content, {}, "one")?.labels).toEqual({ a: "1" });
    expect(parse(content, {}, "0")?.labels).toEqual({ a: "1" });
    expect(parse(content, {}, "three")).toBeUndefined();
    expect(parse("# nothing")).toBeUndefined();
  });
});

describe("base images of a Dockerfile", () => {
  it("are all references outside the file, arguments put in", () => {
    const content = `ARG BASE=docker.io/library/debian:12-slim
FROM --platform=linux/amd64 \${BASE} AS one
FROM scratch AS two
COPY --from=one /a /a
COPY --from=ghcr.io/x/tools:1 /b /b
RUN --mount=type=bind,from=golang:1.26,target=/go --mount=type=cache,target=/c true
FROM one
COPY --from=0 /a /a
`;
    expect(parse(content)?.bases).toEqual(["docker.io/library/debian:12-slim", "ghcr.io/x/tools:1", "golang:1.26"]);
    expect(parse(content, { BASE: "localhost:5000/debian@sha256:1" })?.bases[0]).toBe("localhost:5000/debian@sha256:1");
  });
});

describe("what a build reads from its context", () => {
  const table: readonly [string, string, readonly string[] | "everything"][] = [
    ["nothing", "FROM a\nRUN true", []],
    ["sources, not destinations", "FROM a\nCOPY a b/ /dest/\nADD --chown=1:1 ./c.txt /d", ["a", "b", "c.txt"]],
    ["JSON form with a space", 'FROM a\nCOPY ["a b", "/c"]', ["a b"]],
    ["variables", "FROM a\nARG DIR=src\nCOPY ${DIR}/x /x", ["src/x"]],
    [
      "no URL, no other stage, no heredoc",
      "FROM a AS b\nADD https://x/y.tgz /y\nCOPY --from=b x y\nCOPY <<EOT /z\nq r\nEOT",
      [],
    ],
    ["a file beside a heredoc", "FROM a\nCOPY x <<EOT /z/\nq r\nEOT", ["x"]],
    ["a bind mount", "FROM a\nRUN --mount=type=bind,source=lib,target=/lib true", ["lib"]],
    ["all of it by a dot", "FROM a\nCOPY . /src", "everything"],
    ["all of it by a bind mount without a source", "FROM a\nRUN --mount=target=/src true", "everything"],
  ];

  it.each(table)("%s", (_name, content, sources) => {
    expect(parse(content)?.sources).toEqual(sources);
  });
});

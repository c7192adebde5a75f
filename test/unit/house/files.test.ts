import { lstatSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { projectFiles, root } from "../../support/house.ts";

const read = (file: string) => readFileSync(join(root, file), "utf8");
const sources = projectFiles(/^(actions|cli|lib|scripts)\/.*\.ts$/);

describe("files of the repository", () => {
  it("run their npm scripts on Node 24", () => {
    expect(process.versions.node.split(".")[0]).toBe("24");
  });

  it("hold no symbolic link", () => {
    expect(projectFiles().filter((file) => lstatSync(join(root, file)).isSymbolicLink())).toEqual([]);
  });

  it("have 250 lines at the most", () => {
    const long = projectFiles(/\.(ts|sh|c|yml)$/).filter((file) => read(file).trimEnd().split("\n").length > 250);
    expect(long).toEqual([]);
  });

  it("have functions of 40 lines at the most", () => {
    expect(sources.flatMap(longFunctions)).toEqual([]);
  });

  it("are named for what they hold", () => {
    const vague = /^(utils?|helpers?|common|misc|constants|types|index)\.ts$/;
    expect(sources.filter((file) => vague.test(basename(file)) || !/^[a-z0-9-]+\.ts$/.test(basename(file)))).toEqual(
      [],
    );
  });

  it("never start a shell with text of a caller", () => {
    expect(sources.filter((file) => /shell: *true|execSync\(|child_process.*\bexec\b/.test(read(file)))).toEqual([]);
  });

  it("never switch certificate checks off", () => {
    expect(sources.filter((file) => /rejectUnauthorized: *false/.test(read(file)))).toEqual([]);
  });

  it("pin every action of others by its commit, with the version beside it", () => {
    const uses = projectFiles(/^(\.github|workflows|actions|examples)\/.*\.ya?ml$/).flatMap((file) =>
      [...read(file).matchAll(/^\s*(?:- )?uses:\s*(.+)$/gm)].map(([, reference = ""]) => `${file}: ${reference}`),
    );
    const own = /: (\$|\.)\/|: [^ ]*\/gpu-ci\//;
    expect(uses.filter((line) => !own.test(line) && !/@[0-9a-f]{40} +# v\d/.test(line))).toEqual([]);
  });
});

function longFunctions(file: string): string[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2024, true);
  const found: string[] = [];
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node) && "body" in node && node.body) {
      const line = (position: number) => source.getLineAndCharacterOfPosition(position).line;
      const lines = line(node.getEnd()) - line(node.getStart()) + 1;
      if (lines > 40) found.push(`${file}:${line(node.getStart()) + 1} has ${lines} lines`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { projectFiles, root } from "../../support/house.ts";

/** From one domain of lib to another: everything else is a mistake until argued. */
const edges = [
  "microk8s kubernetes",
  "microk8s oci",
  "image oci",
  "release git",
  "release version",
  "version git",
  "helm kubernetes",
  "runner kubernetes",
  "engine kubernetes",
  "engine oci",
  // The words of a verdict (reasons, conclusions) are the report's: an engine speaks them.
  "engine report",
];

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const imports = projectFiles(/^(actions|cli|lib|scripts)\/.*\.ts$/).flatMap(importsOf);
const broken = (rule: (found: Import) => boolean) =>
  imports.filter(rule).map(({ file, target }) => `${file} -> ${target}`);

describe("imports", () => {
  it("of an action reach lib, never another action, a script or a test", () => {
    const own = /^actions\/([^/]+)\//;
    expect(
      broken(
        ({ file, target }) =>
          own.test(file) &&
          isLocal(target) &&
          !target.startsWith("lib/") &&
          own.exec(target)?.[1] !== own.exec(file)?.[1],
      ),
    ).toEqual([]);
  });

  it("of lib/action come from main.ts and post.ts alone", () => {
    expect(
      broken(
        ({ file, target }) =>
          target.startsWith("lib/action/") && !/^(lib\/action\/|actions\/[^/]+\/(main|post)\.ts$)/.test(file),
      ),
    ).toEqual([]);
  });

  it("of @actions/* stand in lib/action alone, and in scripts, which nobody ships", () => {
    const mayImport = /^(lib\/action|scripts)\//;
    expect(broken(({ file, target }) => target.startsWith("@actions/") && !mayImport.test(file))).toEqual([]);
  });

  it("of client-node are types, but for lib/kubernetes/client.ts", () => {
    expect(
      broken(
        ({ file, target, typeOnly }) =>
          target.startsWith("@kubernetes/client-node") && !typeOnly && file !== "lib/kubernetes/client.ts",
      ),
    ).toEqual([]);
  });

  it("of the terminal reach lib and the actions' stories, inputs and outputs", () => {
    const story = /^actions\/([^/]+)\/(\1|inputs|outputs)\.ts$/;
    expect(
      broken(
        ({ file, target }) =>
          file.startsWith("cli/") && isLocal(target) && !/^(cli|lib)\//.test(target) && !story.test(target),
      ),
    ).toEqual([]);
  });

  it("never lead back to where they started, not even types", () => {
    const targets = Map.groupBy(imports, ({ file }) => file);
    const leadsTo = (from: string, goal: string, seen = new Set<string>()): boolean =>
      (targets.get(from) ?? []).some(({ target }) => {
        if (target === goal) return true;
        if (seen.has(target)) return false;
        seen.add(target);
        return leadsTo(target, goal, seen);
      });
    expect([...targets.keys()].filter((file) => leadsTo(file, file))).toEqual([]);
  });

  it("inside lib follow the few edges between domains", () => {
    expect(
      broken(({ file, target }) => file.startsWith("lib/") && isLocal(target) && !isAllowedInLib(file, target)),
    ).toEqual([]);
  });
});

function isAllowedInLib(file: string, target: string): boolean {
  const from = domainOf(file);
  const to = domainOf(target);
  if (!target.startsWith("lib/")) return false;
  if (to === undefined || from === to) return true;
  if (from === undefined) return false;
  return from === "action" ? to === "report" : edges.includes(`${from} ${to}`);
}

function domainOf(file: string): string | undefined {
  return /^lib\/([^/]+)\//.exec(file)?.[1];
}

function isLocal(target: string): boolean {
  return /^(actions|cli|lib|scripts|test|workflows)\//.test(target);
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.matchAll(/^(?:import|export)\s+(type\s)?[^;"]*?from\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm);
  return [...found].map(([, type, named, dynamic]) => {
    const name = named ?? dynamic ?? "";
    return {
      file,
      target: name.startsWith(".") ? normalize(join(dirname(file), name)) : name,
      typeOnly: type !== undefined,
    };
  });
}

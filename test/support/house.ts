import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** The repository's root folder. */
export const root = join(import.meta.dirname, "../..");

/** An action.yml as far as tests look at it. */
export interface ActionFile {
  readonly name: string;
  readonly description: string;
  readonly inputs?: Readonly<Record<string, { description: string; default?: string; required?: boolean }>>;
  readonly outputs?: Readonly<Record<string, { description: string }>>;
  readonly runs: { readonly using: string; readonly main: string; readonly post?: string; readonly "post-if"?: string };
}

/** The folder names of all actions. */
export function actionNames(): string[] {
  return readdirSync(join(root, "actions")).filter((name) => existsSync(join(root, "actions", name, "action.yml")));
}

/** Reads one action.yml. */
export function readAction(name: string): ActionFile {
  return parse(readFileSync(join(root, "actions", name, "action.yml"), "utf8")) as ActionFile;
}

/** Files of the working tree that git tracks or would track, relative to the root. */
export function projectFiles(pattern = /./): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
  return [...new Set(files)].filter((file) => file !== "" && pattern.test(file) && existsSync(join(root, file)));
}

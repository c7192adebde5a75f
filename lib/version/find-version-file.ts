import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { DomainError, InputError } from "../error.ts";
import { readVersionFile, type VersionFile } from "./version-file.ts";

const automatic = ["README.md", "README.adoc", "package.json", "pyproject.toml", "Cargo.toml", "Chart.yaml", "VERSION"];

/**
 * Finds the file that holds the version. For `auto` it is the first of the usual names that holds one, undefined when none does;
 * for names of the caller it is the first one that exists, and that must hold one. Throws InputError `file` or DomainError
 * `version-missing`.
 */
export async function findVersionFile(directory: string, names: readonly string[]): Promise<VersionFile | undefined> {
  if (names.length === 1 && names[0] === "auto") return firstWithVersion(directory);
  const name = names.find((candidate) => existsSync(resolve(directory, candidate)));
  if (name === undefined) throw new InputError("file", names.join(", "), `auto, tags, or a file in ${directory}`);
  const file = await readVersionFile(resolve(directory, name));
  if (file) return file;
  throw new DomainError("version-missing", `${resolve(directory, name)} holds no version.`, {
    hint: "A Markdown file holds it as <repo-version>1.2.3</repo-version>, AsciiDoc as a line `:Revision: 1.2.3`.",
  });
}

async function firstWithVersion(directory: string): Promise<VersionFile | undefined> {
  for (const name of automatic) {
    const path = resolve(directory, name);
    const file = existsSync(path) ? await readVersionFile(path) : undefined;
    if (file) return file;
  }
  return undefined;
}

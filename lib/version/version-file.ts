import { access, chmod, chown, constants, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { DomainError } from "../error.ts";
import { formatVersion, parseVersion, type SemanticVersion } from "./semantic-version.ts";
import { findVersionSpans, type VersionSpan } from "./version-span.ts";

/** A file that holds a version, read as it is. */
export interface VersionFile {
  readonly path: string;
  /** The file itself where `path` is a symbolic link. */
  readonly realPath: string;
  /** One character for each byte. */
  readonly content: string;
  readonly spans: readonly VersionSpan[];
  readonly version: SemanticVersion;
}

/**
 * Reads a file's version; undefined when it holds none. Throws DomainError `version-unknown-format`, `version-encoding`,
 * `version-invalid`, or `version-disagreement` when its markers do not all say the same.
 */
export async function readVersionFile(path: string): Promise<VersionFile | undefined> {
  const realPath = await realpath(path);
  const content = await readFile(realPath, "latin1");
  if (/^(\xff\xfe|\xfe\xff)/.test(content)) {
    throw new DomainError("version-encoding", `${path} is UTF-16.`, { hint: "Save it as UTF-8." });
  }
  const spans = findVersionSpans(path, content);
  if (!spans) {
    throw new DomainError("version-unknown-format", `${path}: a file of this name has no known place for a version.`, {
      hint: "Known: *.md, *.adoc, *.json, *.yaml, pyproject.toml, Cargo.toml, VERSION.",
    });
  }
  const [first, ...others] = spans;
  return first && { path, realPath, content, spans, version: agreedVersion(path, first, others) };
}

function agreedVersion(path: string, first: VersionSpan, others: readonly VersionSpan[]): SemanticVersion {
  const version = parseVersion(first.text);
  if (!version) {
    throw new DomainError("version-invalid", `${path} has ${JSON.stringify(first.text)} where its version should be.`, {
      hint: "Write a semantic version such as 1.2.3 or 1.2.3-rc.1, without blanks.",
    });
  }
  const canonical = formatVersion(version);
  const other = others.find((span) => span.text.replace(/^v/, "") !== canonical);
  if (other) {
    const said = `${JSON.stringify(first.text)} and ${JSON.stringify(other.text)}`;
    throw new DomainError("version-disagreement", `${path} says both ${said}.`, {
      hint: `Make every marker in it say ${canonical}, or take the ones that are only an example out.`,
    });
  }
  return version;
}

/** The content with every marker saying this version; all other bytes as they were. */
export function rewriteVersion(file: VersionFile, version: SemanticVersion): string {
  const text = formatVersion(version);
  let result = "";
  let at = 0;
  for (const { start, end } of file.spans) {
    result += file.content.slice(at, start) + text;
    at = end;
  }
  return result + file.content.slice(at);
}

/**
 * Writes a version into all of the files or into none. Symbolic links, modes and owners stay; bytes outside the markers stay.
 * Throws DomainError `version-not-written` after it has put everything back.
 */
export async function writeVersion(files: readonly VersionFile[], version: SemanticVersion): Promise<void> {
  const staged: { file: VersionFile; temporary: string }[] = [];
  const replaced: VersionFile[] = [];
  try {
    for (const file of files)
      staged.push({ file, temporary: await stage(file.realPath, rewriteVersion(file, version)) });
    for (const { file, temporary } of staged) {
      await rename(temporary, file.realPath);
      replaced.push(file);
    }
  } catch (error) {
    for (const { realPath, content } of replaced) await rename(await stage(realPath, content), realPath);
    for (const { temporary } of staged) await rm(temporary, { force: true });
    throw new DomainError("version-not-written", `Version ${formatVersion(version)} was written into no file.`, {
      hint: `Check that these can be written: ${files.map((file) => file.path).join(", ")}`,
      cause: error,
    });
  }
}

async function stage(realPath: string, content: string): Promise<string> {
  // A rename would replace a file that its owner made read-only.
  await access(realPath, constants.W_OK);
  const { mode, uid, gid } = await stat(realPath);
  const temporary = `${realPath}.gpu-ci-${process.pid}`;
  try {
    await writeFile(temporary, content, { encoding: "latin1", flag: "wx" });
    await chmod(temporary, mode);
    const written = await stat(temporary);
    if (written.uid !== uid || written.gid !== gid) await chown(temporary, uid, gid);
    return temporary;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

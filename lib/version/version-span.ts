import { basename, extname } from "node:path";
import { isScalar, parseDocument } from "yaml";

/** A place in a file that holds its version. Offsets count bytes: the content is read as latin1, so that no byte can get lost. */
export interface VersionSpan {
  readonly start: number;
  readonly end: number;
  /** The version as it is written there, HTML character references resolved. */
  readonly text: string;
}

type Finder = (content: string) => readonly VersionSpan[];

/**
 * Finds every place of a file that holds its version; none when there is no such place. Undefined when files of this name have no
 * known place for a version.
 */
export function findVersionSpans(path: string, content: string): readonly VersionSpan[] | undefined {
  const find = finderFor(basename(path));
  if (!find) return undefined;
  const markLength = content.startsWith("\xef\xbb\xbf") ? 3 : 0;
  return find(content.slice(markLength)).map(({ start, end, text }) => ({
    start: start + markLength,
    end: end + markLength,
    text,
  }));
}

function finderFor(name: string): Finder | undefined {
  if (/^(package-lock|npm-shrinkwrap)\.json$/.test(name)) return (content) => lockSpans(content);
  if (name === "pyproject.toml") return (content) => tomlSpans(content, ["project", "tool.poetry"]);
  if (name === "Cargo.toml") return (content) => tomlSpans(content, ["package", "workspace.package"]);
  if (/^VERSION(\.txt)?$/i.test(name)) return plainSpans;
  const finders: Readonly<Record<string, Finder>> = {
    ".md": markerSpans,
    ".mdx": markerSpans,
    ".markdown": markerSpans,
    ".adoc": revisionSpans,
    ".asciidoc": revisionSpans,
    ".json": (content) => yamlSpan(content, ["version"]),
    ".yaml": (content) => yamlSpan(content, ["version"]),
    ".yml": (content) => yamlSpan(content, ["version"]),
  };
  return finders[extname(name).toLowerCase()];
}

/** duat's marker: on one line, case-sensitive, any number of them. */
function markerSpans(content: string): readonly VersionSpan[] {
  return [...content.matchAll(/(<repo-version>)([^\r\n]*?)<\/repo-version>/g)].map((match) => spanOf(match));
}

function revisionSpans(content: string): readonly VersionSpan[] {
  return [...content.matchAll(/^(:Revision:[ \t]+)([^\r\n]*)/gm)].map((match) => spanOf(match));
}

function plainSpans(content: string): readonly VersionSpan[] {
  const match = /^(\s*)(\S[^\r\n]*?)\s*$/.exec(content);
  return match ? [spanOf(match)] : [];
}

function spanOf(match: RegExpExecArray): VersionSpan {
  const start = match.index + (match[1]?.length ?? 0);
  const written = match[2] ?? "";
  return { start, end: start + written.length, text: decodeReferences(written) };
}

function decodeReferences(text: string): string {
  return text
    .replace(/&#(\d{1,7});/g, (_all, code: string) => characterOf(Number(code)))
    .replace(/&#x([0-9a-f]{1,6});/gi, (_all, code: string) => characterOf(Number.parseInt(code, 16)))
    .replace(/&(hyphen|period|plus);/g, (_all, name: string) => ({ hyphen: "-", period: ".", plus: "+" })[name] ?? "");
}

function characterOf(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
}

/** JSON is YAML; the parser gives the place of the value, so that everything around it stays as it is. */
function yamlSpan(content: string, path: readonly string[]): readonly VersionSpan[] {
  const document = parseDocument(content, { keepSourceTokens: false, logLevel: "silent" });
  const node = document.errors.length === 0 ? document.getIn(path, true) : undefined;
  if (!isScalar(node) || !node.range) return [];
  const quote = /^["']/.test(content.slice(node.range[0], node.range[1])) ? 1 : 0;
  const [start, end] = [node.range[0] + quote, node.range[1] - quote];
  return [{ start, end, text: content.slice(start, end) }];
}

function lockSpans(content: string): readonly VersionSpan[] {
  return [...yamlSpan(content, ["version"]), ...yamlSpan(content, ["packages", "", "version"])];
}

/** The `version` of the first of the tables that has one as a plain string. */
function tomlSpans(content: string, tables: readonly string[]): readonly VersionSpan[] {
  const found = new Map<string, VersionSpan>();
  let table = "";
  let fence: string | undefined;
  for (const line of content.matchAll(/[^\n]*\n?/g)) {
    const opened = /"""|'''/.exec(line[0])?.[0];
    const closes = opened !== undefined && line[0].split(opened).length > 2;
    if (fence !== undefined) {
      if (line[0].includes(fence)) fence = undefined;
      continue;
    }
    if (opened && !closes) fence = opened;
    const header = /^[ \t]*\[+[ \t]*([^[\]]+?)[ \t]*\]+/.exec(line[0])?.[1];
    if (header !== undefined) table = header.replaceAll(/["'\s]/g, "");
    const value = /^([ \t]*version[ \t]*=[ \t]*["'])([^"'\r\n]*)["']/.exec(line[0]);
    if (!value) continue;
    const start = line.index + (value[1]?.length ?? 0);
    const text = value[2] ?? "";
    if (!found.has(table)) found.set(table, { start, end: start + text.length, text });
  }
  const first = tables.map((name) => found.get(name)).find((span) => span !== undefined);
  return first ? [first] : [];
}

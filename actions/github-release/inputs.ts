import { InputError } from "../../lib/error.ts";
import { choice, duration, flag, type GetInput, list, requiredText, text } from "../../lib/input.ts";

/** A workflow to start after the release. */
export interface Dispatch {
  readonly workflow: string;
  /** Undefined means the released tag. */
  readonly ref: string | undefined;
  readonly inputs: Readonly<Record<string, string>>;
}

/** Reads the inputs of action.yml; throws InputError. */
export function readInputs(get: GetInput) {
  return {
    tagName: tagName(get),
    name: text(get, "name"),
    body: get("body").trim(),
    bodyPath: text(get, "body-path"),
    generateNotes: flag(get, "generate-notes"),
    previousTag: text(get, "previous-tag"),
    draft: flag(get, "draft"),
    prerelease: choice(get, "prerelease", ["auto", "true", "false"]),
    makeLatest: choice(get, "make-latest", ["auto", "true", "false"]),
    files: list(get, "files"),
    failOnUnmatched: flag(get, "fail-on-unmatched"),
    overwrite: flag(get, "overwrite"),
    checksums: flag(get, "checksums"),
    requireReport: text(get, "require-report"),
    images: images(get),
    targetCommitish: text(get, "target-commitish"),
    dispatch: list(get, "dispatch").map(parseDispatch),
    timeoutMs: duration(get, "timeout"),
    workingDirectory: requiredText(get, "working-directory"),
    githubToken: text(get, "github-token"),
    dryRun: flag(get, "dry-run"),
    summary: flag(get, "summary"),
  };
}

export type Inputs = ReturnType<typeof readInputs>;

function tagName(get: GetInput): string | undefined {
  const tag = text(get, "tag-name")?.replace(/^refs\/tags\//, "");
  // git's own rules, see git help check-ref-format.
  if (tag !== undefined && /[\s~^:?*[\\\p{Cc}]|\.\.|@\{|\/\/|^[-/.]|[/.]$|\.lock$/u.test(tag)) {
    throw new InputError("tag-name", tag, "a name that git takes for a tag, such as v1.2.3");
  }
  return tag;
}

function images(get: GetInput): readonly string[] {
  const references = list(get, "images");
  const wrong = references.find((reference) => !/^[^\s@]+@sha256:[0-9a-f]{64}$/.test(reference));
  if (wrong !== undefined) throw new InputError("images", wrong, "lines of repository@sha256:digest");
  return references;
}

function parseDispatch(line: string): Dispatch {
  const [target = "", ...pairs] = line.split(/\s+/);
  const match = /^([\w.-]+\.ya?ml|\d+)(?:@(\S+))?$/.exec(target);
  const inputs = pairs.map((pair) => /^([\w-]+)=(.*)$/.exec(pair));
  if (!match?.[1] || inputs.includes(null)) {
    throw new InputError("dispatch", line, "lines of workflow.yml[@ref] [input=value]...");
  }
  const entries = inputs.map((found): [string, string] => [found?.[1] ?? "", found?.[2] ?? ""]);
  return { workflow: match[1], ref: match[2], inputs: Object.fromEntries(entries) };
}

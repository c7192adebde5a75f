import { posix } from "node:path";
import { InputError } from "../../lib/error.ts";
import { flag, type GetInput, list, map, requiredText, text } from "../../lib/input.ts";
import { parseNamed } from "../../lib/oci/reference.ts";
import { readRegistryInputs } from "../../lib/oci/registry-inputs.ts";
import { readTargetName } from "../../lib/oci/target-name.ts";

/** Reads the inputs of action.yml; throws InputError for the first wrong one. */
export function readInputs(get: GetInput) {
  const ref = requiredText(get, "ref");
  const includeIgnored = flag(get, "include-ignored");
  if (includeIgnored && ref !== "worktree")
    throw new InputError("include-ignored", "true", "false where ref is not worktree: a commit has no ignored files");
  return {
    base: baseImage(get, "base"),
    ref,
    includeIgnored,
    targetDirectory: absoluteFolder(get, "target-directory"),
    owner: owner(get, "owner"),
    target: readTargetName(text(get, "image"), list(get, "tags")),
    env: map(get, "env"),
    entrypoint: list(get, "entrypoint"),
    labels: map(get, "labels"),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    workingDirectory: requiredText(get, "working-directory"),
    ...readRegistryInputs(get),
  };
}

export type Inputs = ReturnType<typeof readInputs>;

function baseImage(get: GetInput, name: string) {
  const value = requiredText(get, name);
  const parsed = parseNamed(value);
  if (parsed && (parsed.digest ?? parsed.tag) !== undefined)
    return { ...parsed, reference: parsed.digest ?? parsed.tag ?? "" };
  throw new InputError(name, value, "an image with its digest or tag, such as acme/base@sha256:… or acme/base:1.2");
}

function absoluteFolder(get: GetInput, name: string): string {
  const value = requiredText(get, name);
  if (!value.startsWith("/") || value.includes("\0") || value.split("/").includes("..")) {
    throw new InputError(name, value, "an absolute folder without .., such as /src");
  }
  const folder = posix.normalize(value).replace(/\/$/, "");
  return folder === "" ? "/" : folder;
}

function owner(get: GetInput, name: string): { uid: number; gid: number } | undefined {
  const value = text(get, name);
  if (value === undefined) return undefined;
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(value) ?? [];
  if (uid === undefined || gid === undefined)
    throw new InputError(name, value, "uid:gid in numbers, such as 1000:1000");
  return { uid: Number(uid), gid: Number(gid) };
}

import { InputError } from "../../lib/error.ts";
import { choice, flag, type GetInput, list, requiredText, text } from "../../lib/input.ts";

/** Reads the inputs of action.yml; throws InputError. */
export function readInputs(get: GetInput) {
  const inputs = {
    file: list(get, "file"),
    bump: choice(get, "bump", ["none", "patch", "minor", "major", "prerelease", "auto"]),
    prereleaseId: text(get, "prerelease-id"),
    tagPrefix: get("tag-prefix").trim(),
    apply: list(get, "apply"),
    verify: flag(get, "verify"),
    workingDirectory: requiredText(get, "working-directory"),
    githubToken: text(get, "github-token"),
    dryRun: flag(get, "dry-run"),
  };
  if (inputs.file.length === 0) throw new InputError("file", "", "auto, tags, or a file name");
  // One identifier, for it is counted: rc.1, rc.2. Lower case, because image tags and namespaces are made from it.
  if (inputs.prereleaseId !== undefined && !/^[a-z][0-9a-z-]*$/.test(inputs.prereleaseId)) {
    throw new InputError(
      "prerelease-id",
      inputs.prereleaseId,
      "lower-case letters, digits and -, beginning with a letter",
    );
  }
  if (/[\s~^:?*[\\\p{Cc}]|\.\.|@\{|\/\/|^[-/.]/u.test(inputs.tagPrefix)) {
    throw new InputError("tag-prefix", inputs.tagPrefix, "the beginning of a git tag's name");
  }
  return inputs;
}

export type Inputs = ReturnType<typeof readInputs>;

import { expect, it } from "vitest";
import { readEventRef } from "../../../../lib/git/event-ref.ts";

const queue = "gh-readonly-queue/main/pr-1-0123456789abcdef0123456789abcdef01234567";

it.each([
  ["a push", { GITHUB_REF: "refs/heads/feature/x", GITHUB_REF_NAME: "feature/x" }, "feature/x", undefined],
  [
    "a pull request",
    { GITHUB_HEAD_REF: "fix/y", GITHUB_REF: "refs/pull/5/merge", GITHUB_REF_NAME: "5/merge" },
    "fix/y",
    undefined,
  ],
  [
    "a pull request without its head",
    { GITHUB_HEAD_REF: "", GITHUB_REF: "refs/pull/5/head" },
    "pull/5/head",
    undefined,
  ],
  ["a merge queue", { GITHUB_REF: `refs/heads/${queue}`, GITHUB_REF_NAME: queue }, queue, undefined],
  ["a tag", { GITHUB_REF: "refs/tags/v1.2.3", GITHUB_REF_NAME: "v1.2.3", GITHUB_REF_TYPE: "tag" }, undefined, "v1.2.3"],
  ["a tag by name only", { GITHUB_REF_NAME: "runner/v1", GITHUB_REF_TYPE: "tag" }, undefined, "runner/v1"],
  ["a branch by name only", { GITHUB_REF_NAME: "feature/x", GITHUB_REF_TYPE: "branch" }, "feature/x", undefined],
  ["a terminal", {}, undefined, undefined],
])("reads %s", (_event, env, branch, tag) => expect(readEventRef(env)).toEqual({ branch, tag }));

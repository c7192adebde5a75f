import { expect, it } from "vitest";
import { largestChange } from "../../../../lib/version/conventional-commit.ts";

it.each([
  [["feat: a", "fix: b"], "minor"],
  [["fix(core): b", "docs: c"], "patch"],
  [["feat(api)!: a"], "major"],
  [["chore: x\n\nBREAKING CHANGE: y"], "major"],
  [["fix: x\n\nBREAKING-CHANGE: y"], "major"],
  [["Merge pull request #1", "feature: no", "fix:no", "docs: breaking change: no"], "none"],
  [["Feat: a"], "minor"],
  [[], "none"],
] as const)("commits %j are a change of size %s", (messages, size) => expect(largestChange(messages)).toBe(size));

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imageTagOfBranch, imageTagOfVersion, namespaceOfBranch } from "../../../../lib/version/image-tag.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 8);
const branches = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme-ascii", maxLength: 200 }));

describe("image tag and namespace of a branch", () => {
  it.each([
    ["feature/212-kops_1", "feature-212-kops-1", "gpu-ci-feature-212-kops-1"],
    ["ünï/çode", "n-ode", "gpu-ci-n-ode"],
    ["-.x", "x", "gpu-ci-x"],
    ["main", "main", "gpu-ci-main"],
    ["Feature/ABC", "feature-abc", "gpu-ci-feature-abc"],
    ["release/1.2.x", "release-1.2.x", "gpu-ci-release-1-2-x"],
    ["dependabot/npm_and_yarn/a.b-1.0", "dependabot-npm-and-yarn-a.b-1.0", "gpu-ci-dependabot-npm-and-yarn-a-b-1-0"],
    [
      "gh-readonly-queue/main/pr-1-abcdef",
      "gh-readonly-queue-main-pr-1-abcdef",
      "gpu-ci-gh-readonly-queue-main-pr-1-abcdef",
    ],
    ["fix+plus", "fix-plus", "gpu-ci-fix-plus"],
    ["a--b", "a--b".replace("--", "-"), "gpu-ci-a-b"],
    ["日本", `b-${hash("日本")}`, `gpu-ci-b-${hash("日本")}`],
  ])("%s", (branch, tag, namespace) => {
    expect([imageTagOfBranch(branch), namespaceOfBranch(branch)]).toEqual([tag, namespace]);
  });

  it("cuts a long branch and keeps it apart from others with the same beginning", () => {
    const branch = "x".repeat(129);
    expect(imageTagOfBranch(branch)).toBe(`${"x".repeat(119)}-${hash(branch)}`);
    expect(imageTagOfBranch("x".repeat(128))).toBe("x".repeat(128));
    expect(namespaceOfBranch("x".repeat(57))).toBe(`gpu-ci-${"x".repeat(47)}-${hash("x".repeat(57))}`);
    expect(namespaceOfBranch("x".repeat(56))).toBe(`gpu-ci-${"x".repeat(56)}`);
  });

  it("is always a legal tag and a legal DNS label, of the same branch the same", () => {
    fc.assert(
      fc.property(branches, (branch) => {
        expect(imageTagOfBranch(branch)).toMatch(/^(?=.{1,128}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
        expect(namespaceOfBranch(branch)).toMatch(/^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
        expect(imageTagOfBranch(branch)).toBe(imageTagOfBranch(branch));
      }),
    );
  });

  it("leaves a branch that is a legal tag already as it is", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,126}[a-z0-9])?$/), (branch) => {
        fc.pre(!branch.includes("--"));
        expect(imageTagOfBranch(branch)).toBe(branch.replaceAll(/-+/g, "-"));
      }),
    );
  });
});

describe("image tag of a version", () => {
  it.each([
    ["1.2.3", "1.2.3"],
    ["1.2.3-rc.1", "1.2.3-rc.1"],
    ["1.2.3-RC.1", "1.2.3-rc.1"],
    ["1.2.3+meta", "1.2.3"],
    ["1.2.3-rc.1+m.1", "1.2.3-rc.1"],
  ])("%s is %s", (version, tag) => expect(imageTagOfVersion(version)).toBe(tag));
});

import { describe, expect, it } from "vitest";
import { imageTagOfVersion } from "../../../../lib/version/image-tag.ts";
import { branchPrerelease, numberedPrerelease, versionOfTag } from "../../../../lib/version/prerelease.ts";
import { formatVersion, parseVersion } from "../../../../lib/version/semantic-version.ts";

const seconds = 1795189119;
const stamp = "aaaahivscpu";
const ofBranch = (branch: string, base = "1.2.3") => {
  const version = parseVersion(base);
  return version && formatVersion(branchPrerelease(version, branch, seconds));
};
const nextCandidate = (tags: readonly string[], base = "1.2.3") => {
  const version = parseVersion(base);
  const tagged = tags.flatMap((tag) => versionOfTag(tag, "v") ?? []);
  return version && formatVersion(numberedPrerelease(version, "rc", tagged));
};

describe("a branch's pre-release, by duat's rule", () => {
  it.each([
    ["feature/212_kops_1_11", `1.2.3-feature-212-kops-1-11-${stamp}`],
    ["dependabot/npm_and_yarn/a.b-1.0", `1.2.3-dependabot-npm-and-yarn-a-b-1-0-${stamp}`],
    ["fix+plus", `1.2.3-fix-plus-${stamp}`],
    ["123", `1.2.3-123-${stamp}`],
    ["a--b", `1.2.3-a--b-${stamp}`],
    ["ünï/çode", `1.2.3--n---ode-${stamp}`],
    ["b".repeat(92), `1.2.3-${"b".repeat(92)}-${stamp}`],
  ])("%s", (branch, version) => expect(ofBranch(branch)).toBe(version));

  it("drops an earlier pre-release", () => expect(ofBranch("main", "1.2.3-rc.1")).toBe(`1.2.3-main-${stamp}`));

  it("deviates: lower case, for no Kubernetes name may hold another", () =>
    expect(ofBranch("Feature/ABC")).toBe(`1.2.3-feature-abc-${stamp}`));

  it("deviates: build metadata is dropped, for no image tag may hold a plus", () =>
    expect(ofBranch("main", "1.2.3+meta")).toBe(`1.2.3-main-${stamp}`));

  it("deviates: a branch of more than 100 characters is cut, so that the stamp stays within an image tag", () => {
    const version = ofBranch("x".repeat(300)) ?? "";
    expect(version).toMatch(new RegExp(`^1\\.2\\.3-x{91}-[0-9a-f]{8}-${stamp}$`));
    expect(imageTagOfVersion(version)).toBe(version);
  });
});

describe("numbered pre-releases, by duat's rule", () => {
  it.each([
    [["1.2.3-rc.1", "1.2.3-rc.2", "1.2.3-rc.9", "1.2.3-rc.10", "v1.2.3-rc.11", "1.2.4-rc.50", "junk"], "1.2.3-rc.12"],
    [["1.2.3-rc.4"], "1.2.3-rc.5"],
    [["1.2.3-rc.x"], "1.2.3-rc.1"],
    [["1.2.3-rc4", "1.2.3-RC.4"], "1.2.3-rc.1"],
    [["rel/1.2.3-rc.7"], "1.2.3-rc.1"],
    [[], "1.2.3-rc.1"],
  ])("%j lead to %s", (tags, next) => expect(nextCandidate(tags)).toBe(next));

  it("deviates: after the final version there is no candidate", () =>
    expect(() => nextCandidate(["1.2.3"])).toThrow("Version 1.2.3 is tagged already, so no 1.2.3-rc can follow."));

  it("deviates: rc.3.1 takes the number 3, so rc.4 follows", () =>
    expect(nextCandidate(["1.2.3-rc.3.1"])).toBe("1.2.3-rc.4"));

  it("deviates: build metadata does not survive", () => expect(nextCandidate([], "1.2.3+m")).toBe("1.2.3-rc.1"));
});

describe("versions of tags", () => {
  it.each([
    ["v1.2.3", "v", "1.2.3"],
    ["1.2", "v", "1.2.0"],
    ["v1.2.3", "", "1.2.3"],
    ["runner/v1.2.3", "runner/v", "1.2.3"],
    ["v1.2.3", "runner/v", undefined],
    ["foo", "v", undefined],
  ])("%s with prefix %j is %s", (tag, prefix, version) => {
    const found = versionOfTag(tag, prefix);
    expect(found && formatVersion(found)).toBe(version);
  });
});

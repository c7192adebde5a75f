import { describe, expect, it } from "vitest";
import { type Bump, chooseVersion, highestTagged } from "../../../../lib/version/choose-version.ts";
import { versionOfTag } from "../../../../lib/version/prerelease.ts";
import { formatVersion, parseVersion, type SemanticVersion } from "../../../../lib/version/semantic-version.ts";

function tagged(...tags: readonly string[]) {
  return tags.flatMap((tag) => {
    const version = versionOfTag(tag, "v");
    return version ? [{ tag, commit: "0".repeat(40), version }] : [];
  });
}

async function choose(
  bump: Bump,
  current: string,
  options: { tags?: string[]; messages?: string[]; id?: string } = {},
) {
  const version = await chooseVersion({
    bump,
    prereleaseId: options.id,
    current: parseVersion(current) as SemanticVersion,
    branch: "main",
    stampSeconds: 1795189119,
    listTagged: async () => tagged(...(options.tags ?? [])),
    listMessages: async () => options.messages ?? [],
  });
  return formatVersion(version);
}

describe("the next version", () => {
  it("is the current one, a bump of it, or a pre-release of branch or number", async () => {
    expect(await choose("none", "1.2.3+meta")).toBe("1.2.3+meta");
    expect(await choose("minor", "1.2.3")).toBe("1.3.0");
    expect(await choose("prerelease", "1.2.3")).toBe("1.2.3-main-aaaahivscpu");
    expect(await choose("prerelease", "1.2.3", { id: "beta", tags: ["v1.2.3-beta.2"] })).toBe("1.2.3-beta.3");
  });

  it.each([
    ["1.2.0", ["v1.2.0", "v1.3.0-rc.1"], ["feat: a"], "1.3.0"],
    ["1.2.0", ["v1.2.0"], ["docs: a"], "1.2.0"],
    ["1.2.0", ["v1.2.0"], ["fix!: a"], "2.0.0"],
    ["0.2.0", ["v0.2.0"], ["feat!: a"], "0.3.0"],
    ["1.3.0", ["v1.2.0"], ["fix: a"], "1.3.0"],
    ["1.3.0-rc.1", ["v1.2.0"], ["feat: a"], "1.3.0"],
    ["0.1.0", [], ["feat: a"], "0.1.0"],
  ])("by commits from %s with tags %j and %j is %s", async (current, tags, messages, next) => {
    expect(await choose("auto", current, { tags, messages })).toBe(next);
  });

  it("starts at the highest tag by number", () => {
    const tags = tagged("0.9.0", "v1.5.0", "1.10.0-rc.1", "1.2", "foo");
    expect([highestTagged(tags, false)?.tag, highestTagged(tags, true)?.tag]).toEqual(["1.10.0-rc.1", "v1.5.0"]);
  });
});

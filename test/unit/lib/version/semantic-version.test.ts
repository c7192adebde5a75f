import { describe, expect, it } from "vitest";
import { bumpVersion, compareVersions, formatVersion, parseVersion } from "../../../../lib/version/semantic-version.ts";

function version(text: string) {
  const parsed = parseVersion(text);
  if (!parsed) throw new Error(`${text} is no version`);
  return parsed;
}

describe("versions as duat's semver reads and bumps them", () => {
  it.each([
    ["0.0.1", "0.0.1", "0.0.2", "0.1.0", "1.0.0"],
    ["v1.2.3", "1.2.3", "1.2.4", "1.3.0", "2.0.0"],
    ["1.2.3-rc.1", "1.2.3-rc.1", "1.2.3", "1.3.0", "2.0.0"],
    ["1.2.3-main-aaaagseyvek", "1.2.3-main-aaaagseyvek", "1.2.3", "1.3.0", "2.0.0"],
    ["1.2.3+meta", "1.2.3+meta", "1.2.4", "1.3.0", "2.0.0"],
    ["1.2.3-rc.1+m", "1.2.3-rc.1+m", "1.2.3", "1.3.0", "2.0.0"],
    ["1.2", "1.2.0", "1.2.1", "1.3.0", "2.0.0"],
    ["1", "1.0.0", "1.0.1", "1.1.0", "2.0.0"],
    ["01.2.3", "1.2.3", "1.2.4", "1.3.0", "2.0.0"],
    ["1.2.3-01", "1.2.3-01", "1.2.3", "1.3.0", "2.0.0"],
  ])("%s is %s, then %s, %s, %s", (text, extracted, patch, minor, major) => {
    const parsed = version(text);
    const bumped = (["patch", "minor", "major"] as const).map((part) => formatVersion(bumpVersion(parsed, part)));
    expect([formatVersion(parsed), ...bumped]).toEqual([extracted, patch, minor, major]);
  });

  it.each(["1.2.3.4", "latest", " 1.2.3 ", "", "1.2.3-", "1.2.3+", "99999999999999999999.0.0", "1.2.3\n"])(
    "%j is no version",
    (text) => expect(parseVersion(text)).toBeUndefined(),
  );

  it("orders by precedence and not as text", () => {
    const sorted = [
      "1.10.0",
      "0.9.10",
      "1.5.0",
      "1.10.0-rc.10",
      "0.9.9",
      "0.14.3",
      "0.14.3-main-aaaagseyvek",
      "1.10.0-rc.9",
    ]
      .map(version)
      .sort(compareVersions)
      .map(formatVersion);
    expect(sorted).toEqual([
      "0.9.9",
      "0.9.10",
      "0.14.3-main-aaaagseyvek",
      "0.14.3",
      "1.5.0",
      "1.10.0-rc.9",
      "1.10.0-rc.10",
      "1.10.0",
    ]);
  });
});

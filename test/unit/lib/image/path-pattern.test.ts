import { describe, expect, it } from "vitest";
import { createPathMatcher } from "../../../../lib/image/path-pattern.ts";

describe("patterns of .dockerignore", () => {
  const table: readonly [readonly string[], string, boolean][] = [
    [["node_modules"], "node_modules/a/b.js", true],
    [["node_modules"], "lib/node_modules/a.js", false],
    [["**/node_modules"], "lib/node_modules/a.js", true],
    [["**/node_modules"], "node_modules/a.js", true],
    [["*.md"], "README.md", true],
    [["*.md"], "docs/README.md", false],
    [["**/*.md"], "docs/deep/README.md", true],
    [["docs/**"], "docs/a/b", true],
    [["/build/"], "build/x", true],
    [["./a"], "a", true],
    [["a?c"], "abc", true],
    [["[ab].txt"], "b.txt", true],
    [["[^ab].txt"], "b.txt", false],
    [["a.b"], "aXb", false],
    [["# a"], "# a", false],
    [["*", "!keep"], "keep", false],
    [["*", "!keep"], "keep/below", false],
    [["*", "!keep", "keep/not"], "keep/not", true],
    [["**"], "any/thing", true],
    [["."], "any/thing", true],
    [[], "any", false],
  ];

  it.each(table)("%j and %s: %s", (patterns, path, matched) => {
    expect(createPathMatcher(patterns)(path)).toBe(matched);
  });
});

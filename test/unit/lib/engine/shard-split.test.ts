import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { splitEnvironment, type TimedCase } from "../../../../lib/engine/shard-split.ts";

const timed = (file: string | null, durationMs: number, more: Partial<TimedCase> = {}): TimedCase => ({
  file,
  className: "",
  suite: "",
  durationMs,
  ...more,
});

/** What each shard is given of the names, as its own shell divides them. */
function split(names: readonly string[], shards: number, cases: readonly TimedCase[], PATH = process.env.PATH) {
  const { GPU_CI_SPLIT = "", ...rest } = splitEnvironment(shards, cases);
  const env = { ...rest, GPU_CI_SHARDS: String(shards) };
  return Array.from({ length: shards }, (_, index) => {
    const own = { ...env, GPU_CI_SHARD: String(index), PATH };
    const options = { env: own, input: names.join("\n"), encoding: "utf8" } as const;
    return execFileSync("/bin/sh", ["-c", GPU_CI_SPLIT], options).split("\n").filter(Boolean);
  });
}

describe("GPU_CI_SPLIT", () => {
  it("gives each shard as much to do as the others", () => {
    const cases = [timed("t/a.py", 6000), timed("t/b.py", 2000), timed("t/b.py", 2000), timed("t/c.py", 3000)];
    expect(split(["t/a.py", "t/b.py", "t/c.py"], 2, cases)).toEqual([["t/a.py"], ["t/b.py", "t/c.py"]]);
  });

  it("takes what has no time for an average one, and loses nothing", () => {
    const cases = [timed("old", 9000), timed("short", 1000), timed("gone", 50_000)];
    expect(split(["new", "old", "short", "with blanks $x"], 2, cases)).toEqual([
      ["old", "short"],
      ["new", "with blanks $x"],
    ]);
  });

  it.each([
    ["the class of a file", timed(null, 9, { className: "tests.test_a.TestX" }), "tests/test_a.py"],
    ["a module in another folder", timed(null, 9, { className: "test_a" }), "./test_a.py"],
    ["a class by its name", timed(null, 9, { className: "com.acme.FooTest" }), "com.acme.FooTest"],
    ["a package", timed(null, 9, { suite: "acme.com/m/pkg" }), "acme.com/m/pkg"],
    ["a file with a dot before it", timed("./tests/a.test.ts", 9), "tests/a.test.ts"],
  ])("knows %s", (_name, slow, listed) => {
    const quick = ["q1", "q2"].map((name) => timed(name, 1));
    expect(split(["q1", "q2", listed], 2, [slow, ...quick])).toEqual([[listed], ["q1", "q2"]]);
  });

  it("puts every one of 500 into exactly one of 7 shards, none of which has much more than its part", () => {
    const names = Array.from({ length: 500 }, (_, index) => `tests/case_${index}.py`);
    const cases = names.map((name, index) => timed(name, ((index * 7919) % 1000) + 1));
    const shards = split(names, 7, cases);
    expect(shards.flat().toSorted()).toEqual(names.toSorted());
    const time = (shard: readonly string[]) =>
      shard.reduce((sum, name) => sum + (cases[names.indexOf(name)]?.durationMs ?? 0), 0);
    const times = shards.map(time);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(100);
  });

  it("deals out in turn where there is no awk, and gives all to the only shard", () => {
    expect(split(["a", "b", "c"], 2, [], "/nowhere")).toEqual([["a", "c"], ["b"]]);
    expect(split(["a", "b"], 1, [])).toEqual([["a", "b"]]);
    expect(split([], 2, [])).toEqual([[], []]);
  });

  it("keeps the longest times of more than a variable may hold", () => {
    const cases = Array.from({ length: 5000 }, (_, index) => timed(`a/long/folder/name/file_${index}.py`, index));
    const { GPU_CI_TIMINGS = "" } = splitEnvironment(2, cases);
    expect([GPU_CI_TIMINGS.length <= 65_536, GPU_CI_TIMINGS.split("\n")[0]]).toEqual([
      true,
      "4999 a/long/folder/name/file_4999.py",
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { InputError } from "../../../lib/error.ts";
import { choice, duration, flag, integer, list, map, requiredText, secretMap, size, text } from "../../../lib/input.ts";

const given = (value: string) => () => value;

describe("input parsers", () => {
  it.each([
    ["text", () => text(given("  a "), "x"), "a"],
    ["unset text", () => text(given(""), "x"), undefined],
    ["a word of a choice", () => choice(given("none"), "x", ["none", "all"]), "none"],
    ["a flag", () => flag(given("True"), "x"), true],
    ["a number", () => integer(given("3"), "x", 1, 9), 3],
    ["a duration", () => duration(given("1h30m"), "x"), 5_400_000],
    ["seconds", () => duration(given("90"), "x"), 90_000],
    ["a size", () => size(given("20Gi"), "x"), 20 * 2 ** 30],
    ["a list without comments and blank lines", () => list(given("a\n\n# no\n b \r\n"), "x"), ["a", "b"]],
    ["a map whose values hold equal signs and spaces", () => map(given("A=1=2\nB= c "), "x"), { A: "1=2", B: " c " }],
  ])("read %s", (_name, parse, expected) => {
    expect(parse()).toEqual(expected);
  });

  it.each([
    [
      "a missing text",
      () => requiredText(given(" "), "image"),
      "Input image is empty; allowed: a value, this input is required.",
    ],
    [
      "an unknown word",
      () => choice(given("some"), "gpu", ["auto", "off"]),
      'Input gpu is "some"; allowed: auto, off.',
    ],
    ["yes for a flag", () => flag(given("yes"), "draft"), 'Input draft is "yes"; allowed: true, false.'],
    [
      "a number out of bounds",
      () => integer(given("12"), "parallel", 1, 9),
      'Input parallel is "12"; allowed: a whole number from 1 to 9.',
    ],
    [
      "a negative number",
      () => integer(given("-1"), "gpus", 0),
      'Input gpus is "-1"; allowed: a whole number, 0 or more.',
    ],
    [
      "an unknown unit",
      () => duration(given("3 weeks"), "timeout"),
      'Input timeout is "3 weeks"; allowed: a duration such as 90s, 10m, 1h30m or a number of seconds.',
    ],
    [
      "a secret without a name, without showing it",
      () => secretMap(given("A=1\nhunter2"), "secret-env"),
      'Input secret-env is "line 2, not shown"; allowed: lines of KEY=VALUE.',
    ],
    ["a line without an equal sign", () => map(given("A"), "env"), 'Input env is "A"; allowed: lines of KEY=VALUE.'],
  ])("refuse %s by name, value and what is allowed", (_name, parse, message) => {
    expect(parse).toThrow(new InputError("", "", "").constructor as typeof InputError);
    expect(parse).toThrow(message);
  });
});

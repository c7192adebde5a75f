import { describe, expect, it } from "vitest";
import { type CommandOption, parseOptions } from "../../../cli/command-options.ts";
import { UsageError } from "../../../cli/usage-error.ts";

const option = (name: string, boolean = false): CommandOption => ({
  name,
  description: "",
  default: undefined,
  required: false,
  boolean,
});
const options = [option("tags"), option("source"), option("dry-run", true)];
const parse = (...argv: string[]) => {
  const { values, positionals } = parseOptions(argv, options);
  return { values: Object.fromEntries(values), positionals };
};

describe("options of a command line", () => {
  it("are given by the next word or after an equals sign, and lists by repeating", () => {
    expect(parse("--tags", "a", "file.yml", "--source=x=y", "--tags", "b")).toEqual({
      values: { tags: "a\nb", source: "x=y" },
      positionals: ["file.yml"],
    });
  });

  it("stand alone where they are true or false", () => {
    expect(parse("--dry-run", "file.yml")).toEqual({ values: { "dry-run": "true" }, positionals: ["file.yml"] });
    expect(parse("--dry-run", "false")).toEqual({ values: { "dry-run": "false" }, positionals: [] });
    expect(parse("--no-dry-run")).toEqual({ values: { "dry-run": "false" }, positionals: [] });
  });

  it("end at two dashes, and a single dash is a word", () => {
    expect(parse("-", "--", "--tags")).toEqual({ values: {}, positionals: ["-", "--tags"] });
  });

  it("that nobody knows are refused with the nearest one", () => {
    expect(() => parse("--tgas", "x")).toThrow(new UsageError("There is no option --tgas. Did you mean --tags?"));
    expect(() => parse("--elephant")).toThrow(new UsageError("There is no option --elephant."));
  });

  it("without their value are refused", () => {
    expect(() => parse("--tags")).toThrow(new UsageError("--tags needs a value."));
  });
});

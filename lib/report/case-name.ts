import type { TestCase } from "./test-suite.ts";

type Named = Pick<TestCase, "suite" | "className" | "name">;

/** What tells a case from all others, in this run and in the next. */
export function caseKey({ suite, className, name }: Named): string {
  return [suite, className, name].join("\0");
}

/** A case's name for people, behind its class or suite. */
export function caseTitle({ suite, className, name }: Named): string {
  const group = className || suite;
  return group ? `${group} › ${name}` : name;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectFiles, root } from "../../../support/house.ts";

describe("doctor's README", () => {
  it("explains every code that a finding may have, and no other", () => {
    const sources = projectFiles(/^cli\/doctor\/.*\.ts$/).map((file) => readFileSync(join(root, file), "utf8"));
    const used = sources.flatMap((text) =>
      [...text.matchAll(/\bcode: ([^,]+?),?\n|\bcode: ("[^"]+")/g)].flatMap(([, one, other]) =>
        [...(one ?? other ?? "").matchAll(/"([a-z-]+)"/g)].map(([, code]) => code),
      ),
    );
    const table = readFileSync(join(root, "cli/doctor/README.md"), "utf8").matchAll(/^\| `([a-z-]+)` \|/gm);
    expect(new Set([...table].map(([, code]) => code))).toEqual(new Set(used));
  });
});

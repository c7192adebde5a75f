import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { root } from "../../support/house.ts";

describe("generated files", () => {
  it.each(["docs", "workflows"])("of scripts/%s.ts are fresh", (script) => {
    const { status, stderr } = spawnSync(process.execPath, [`scripts/${script}.ts`, "--check"], {
      cwd: root,
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

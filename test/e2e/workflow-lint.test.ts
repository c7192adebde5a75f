import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { ensureTools } from "../../scripts/tools.ts";
import { projectFiles, root } from "../support/house.ts";

const workflows = projectFiles(
  /^(\.github\/workflows|workflows|examples\/callers|examples\/.*\/\.github\/workflows)\/.*\.yml$/,
);

describe("the workflows, those of examples included", () => {
  it("are clean to actionlint, but for the two things that it does not know yet (.github/actionlint.yaml)", async () => {
    expect(await lint("actionlint", ["-config-file", ".github/actionlint.yaml", "-no-color", ...workflows])).toEqual({
      exitCode: 0,
      stdout: "",
    });
  });

  it("are clean to zizmor at its pedantic level, and so are the actions", async () => {
    const { exitCode, stdout } = await lint("zizmor", [
      "--config=.github/zizmor.yml",
      "--offline",
      "--persona=pedantic",
      "--no-progress",
      "--color=never",
      ...workflows,
      ...projectFiles(/^actions\/[^/]+\/action\.yml$/),
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^No findings to report\./) });
  });
});

async function lint(tool: "actionlint" | "zizmor", args: readonly string[]) {
  const { exitCode, stdout } = await exec(join(ensureTools([tool]), tool), args, { cwd: root, ignoreExitCode: true });
  return { exitCode, stdout };
}

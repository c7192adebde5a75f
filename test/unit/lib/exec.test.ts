import { describe, expect, it } from "vitest";
import { CommandError, exec, findProgram } from "../../../lib/exec.ts";

const sh = (script: string, options = {}) => exec("/bin/sh", ["-c", script], options);

describe("exec", () => {
  it("captures both streams and gives the last line without a newline too", async () => {
    const lines: string[] = [];
    const result = await sh("printf 'a\\nb'; echo c >&2", { onStdout: (line: string) => lines.push(line) });
    expect({ result, lines }).toEqual({ result: { stdout: "a\nb", stderr: "c\n", exitCode: 0 }, lines: ["a", "b"] });
  });

  it("throws with command, exit code and what the program said", async () => {
    const error = await sh("echo no space left >&2; exit 3").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CommandError);
    expect((error as CommandError).message).toBe(
      "/bin/sh -c echo no space left >&2; exit 3 ended with exit code 3.\nno space left",
    );
  });

  it("names a program that is not there", async () => {
    await expect(exec("no-such-program", [])).rejects.toThrow("no-such-program could not be started.");
  });

  it("ends the whole process group when the signal is aborted", async () => {
    const controller = new AbortController();
    const running = sh("sleep 60 & echo $!; wait", {
      signal: controller.signal,
      onStdout: () => controller.abort(new Error("stop")),
    });
    await expect(running).rejects.toThrow("stop");
  });

  it("feeds standard input and does not mind a program that leaves it unread", async () => {
    expect((await exec("cat", [], { stdin: "in" })).stdout).toBe("in");
    expect((await exec("true", [], { stdin: "x".repeat(1_000_000) })).exitCode).toBe(0);
  });

  it("finds a program on PATH or nothing", async () => {
    expect(await findProgram(exec, "sh")).toMatch(/\/sh$/);
    expect(await findProgram(exec, "no-such-program")).toBeUndefined();
  });
});

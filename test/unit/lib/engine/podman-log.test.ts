import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readPodmanLog } from "../../../../lib/engine/podman-log.ts";

const stamp = "2026-11-20T23:16:01.140724620+00:00";

describe("The reader of podman's log file", () => {
  it("gives bytes without headers while the file grows, wherever it is cut", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gpu-ci-unit-"));
    const path = join(folder, "log");
    const whole = Buffer.from(
      `${stamp} stdout F a\r\n${stamp} stderr P no F \xff\0\n${stamp} stdout F  end\n${stamp} stdout F \n${stamp} stdout P last\n`,
      "latin1",
    );
    let ended = false;
    const read = (async () => {
      const chunks: Uint8Array[] = [];
      const signal = new AbortController().signal;
      for await (const chunk of readPodmanLog({ path, ended: () => ended, signal })) chunks.push(chunk);
      return Buffer.concat(chunks);
    })();
    await writeFile(path, "");
    for (let at = 0; at < whole.length; at += 9) await appendFile(path, whole.subarray(at, at + 9));
    ended = true;
    expect((await read).toString("latin1")).toBe("a\r\nno F \xff\0 end\n\nlast");
    await rm(folder, { recursive: true });
  });

  it("ends when the container ended without a log", async () => {
    const signal = new AbortController().signal;
    const log = readPodmanLog({ path: "/nonexistent", ended: () => true, signal });
    expect(await log.next()).toEqual({ done: true, value: undefined });
  });
});

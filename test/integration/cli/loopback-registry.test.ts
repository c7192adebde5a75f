import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exec } from "../../../lib/exec.ts";
import { ensureRegistry, stopRegistry } from "../../../scripts/demo/loopback-registry.ts";

describe("the demo's registry", () => {
  let folder = "";
  const { signal } = new AbortController();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gpu-ci-demo-"));
  });
  afterEach(async () => {
    await stopRegistry(folder);
    rmSync(folder, { recursive: true });
  });

  it("outlives whoever started it, is found again, and keeps its port over a stop", async () => {
    const first = await ensureRegistry({ folder, exec, signal });
    expect(await ensureRegistry({ folder, exec, signal })).toEqual({ ...first, started: false });
    expect((await fetch(`http://${first.registry}/v2/`)).status).toBe(200);
    expect([await stopRegistry(folder), await stopRegistry(folder)]).toEqual([true, false]);
    await expect(fetch(`http://${first.registry}/v2/`)).rejects.toThrow();
    expect(await ensureRegistry({ folder, exec, signal })).toEqual(first);
  });

  it("is never taken for another process that has its number now", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "state.json"), JSON.stringify({ registry: { pid: process.pid, port: 1 } }));
    expect(await stopRegistry(folder)).toBe(false);
  });
});

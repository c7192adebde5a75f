import { beforeAll, describe, expect, it } from "vitest";
import { judgeRun } from "../../../../lib/engine/leftover.ts";
import { identifyProcess } from "../../../../lib/engine/run-process.ts";

const now = new Date("2026-01-01T12:00:00Z");
const [passed, ahead] = ["2026-01-01T11:00:00Z", "2026-01-01T12:10:00Z"];
const elsewhere = `${"0".repeat(36)}/1/7/8`;
let alive: string;
let gone: string;
beforeAll(async () => {
  alive = (await identifyProcess()) ?? "";
  gone = alive.replace(/\d+$/, "1");
});

describe("judgeRun", () => {
  it.each([
    ["its process lives, whatever its time", () => [{ "gpu-ci/process": alive, "gpu-ci/expires": passed }], false],
    ["its process is gone", () => [{ "gpu-ci/process": gone, "gpu-ci/expires": ahead }], true],
    [
      "it was resumed on another machine, of which only its Job tells",
      () => [{ "gpu-ci/process": elsewhere, "gpu-ci/expires": ahead }, { "gpu-ci/process": gone }],
      false,
    ],
    ["its time has passed", () => [{ "gpu-ci/process": elsewhere, "gpu-ci/expires": passed }], true],
    ["its time has not passed for all of it", () => [{ "gpu-ci/expires": passed }, { "gpu-ci/expires": ahead }], false],
    ["nothing is said of it", () => [{}, {}], false],
    ["its time cannot be read", () => [{ "gpu-ci/expires": "soon" }], false],
  ])("%s", async (_name, objects, isOver) => {
    expect((await judgeRun(objects(), now)).isOver).toBe(isOver);
  });

  it("says why", async () => {
    expect([
      (await judgeRun([{ "gpu-ci/expires": passed }], now)).why,
      (await judgeRun([{ "gpu-ci/expires": ahead }], now)).why,
      (await judgeRun([], now)).why,
    ]).toEqual(["expired 1 h 0 m ago", "may run for 10 m 0 s more", "has no time of expiry"]);
  });
});

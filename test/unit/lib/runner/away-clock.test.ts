import { describe, expect, it } from "vitest";
import { createAwayClock } from "../../../../lib/runner/away-clock.ts";
import { forgeRunnerOf, runnerPodOf } from "../../../support/runner-objects.ts";

describe("createAwayClock", () => {
  it("knows since when a runner has been away, and begins anew when it was seen", () => {
    const clock = createAwayClock();
    const pods = [runnerPodOf("a"), runnerPodOf("b"), runnerPodOf("c")];
    const runners = [forgeRunnerOf("b"), forgeRunnerOf("c", { online: false, busy: true })];
    expect([...clock.observe(pods, runners, 1)]).toEqual([["uid-a", 1]]);
    expect([...clock.observe(pods, runners, 2)]).toEqual([["uid-a", 1]]);
    clock.observe(pods, [forgeRunnerOf("a"), ...runners], 3);
    expect([...clock.observe(pods, runners, 4)]).toEqual([["uid-a", 4]]);
  });

  it("lets no time pass while the forge is away", () => {
    const clock = createAwayClock();
    clock.observe([runnerPodOf("a")], [], 1);
    expect([...clock.observe([runnerPodOf("a")], undefined, 2)]).toEqual([]);
    expect([...clock.observe([runnerPodOf("a")], [], 3)]).toEqual([["uid-a", 3]]);
  });
});

import { describe, expect, it } from "vitest";
import { createBackoff } from "../../../../lib/runner/backoff.ts";
import { runnerPodOf } from "../../../support/runner-objects.ts";

const failed = (name: string) => runnerPodOf(name, { activity: "starting", phase: "Failed" });

describe("createBackoff", () => {
  it("waits longer after each runner that failed before it was seen, at most five minutes", () => {
    const backoff = createBackoff();
    expect([backoff.observe([], 0), backoff.observe([failed("a")], 0)]).toEqual([true, false]);
    expect([backoff.observe([failed("a")], 4999), backoff.observe([], 5000)]).toEqual([false, true]);
    for (let n = 0; n < 20; n++) backoff.observe([failed(`n${n}`)], 5000);
    expect([backoff.observe([], 304_999), backoff.observe([], 305_000)]).toEqual([false, true]);
  });

  it("forgets the failures when a runner is seen", () => {
    const backoff = createBackoff();
    backoff.observe([failed("a")], 0);
    expect(backoff.observe([runnerPodOf("b")], 1)).toBe(true);
  });

  it("does not wait after a runner that a drain ended while it started", () => {
    const deleted = runnerPodOf("a", { activity: "starting", phase: "Failed", isDeleting: true });
    expect(createBackoff().observe([deleted], 0)).toBe(true);
  });

  it("does not wait after a job that failed: that is none of the runner's", () => {
    expect(createBackoff().observe([runnerPodOf("a", { activity: "busy", phase: "Failed" })], 0)).toBe(true);
  });
});

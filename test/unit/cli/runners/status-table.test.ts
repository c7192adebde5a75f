import { describe, expect, it } from "vitest";
import { positionText, statusTable } from "../../../../cli/runners/status-table.ts";

const now = new Date("2026-01-01T12:00:00Z");
const running = { state: "Running", endsAtMs: undefined } as const;
const line = { release: "gpu-ci", node: "box", ageMs: 61_000, activity: "idle", detail: undefined };

describe("statusTable", () => {
  it("shows the switch, what differs from it on single nodes, and a line for each runner", () => {
    const status = {
      namespace: "gpu-ci",
      global: running,
      nodes: new Map([["box2", { state: "DrainAndSuspend", endsAtMs: now.getTime() + 90_000 } as const]]),
      mistakes: ["STATE of ConfigMap x is ignored."],
      runners: [
        { ...line, name: "gpu-ci-runner-1" },
        { ...line, name: "gpu-ci-runner-22", node: undefined, activity: "starting", detail: "Unschedulable: no node" },
      ],
    };
    expect(statusTable(status, now)).toBe(
      [
        "Runners in namespace gpu-ci: Running",
        "  node box2: DrainAndSuspend, running jobs are ended in 1 m 30 s",
        "  warning: STATE of ConfigMap x is ignored.",
        "",
        "RUNNER            NODE  STATE     AGE",
        "gpu-ci-runner-1   box   idle      1 m 1 s",
        "gpu-ci-runner-22  -     starting  1 m 1 s  Unschedulable: no node",
        "",
      ].join("\n"),
    );
  });

  it("says that there is none", () => {
    expect(statusTable({ namespace: "a", global: running, nodes: new Map(), mistakes: [], runners: [] }, now)).toBe(
      "Runners in namespace a: Running\nNo runner is there.\n",
    );
  });
});

describe("positionText", () => {
  it("says what becomes of running jobs", () => {
    const state = "DrainAndTerminate";
    expect([
      positionText({ state, endsAtMs: undefined }, now),
      positionText({ state, endsAtMs: now.getTime() - 1 }, now),
    ]).toEqual(["DrainAndTerminate, running jobs finish", "DrainAndTerminate, its deadline has passed"]);
  });
});

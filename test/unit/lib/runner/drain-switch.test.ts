import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../../../lib/kubernetes/resource.ts";
import { type DrainSwitch, positionOf, readDrainSwitch } from "../../../../lib/runner/drain-switch.ts";
import { lookedAt, switchMap } from "../../../support/runner-objects.ts";

const name = "gpu-ci-runners";

function read(configMaps: readonly ConfigMap[], before?: DrainSwitch) {
  const { positions, mistakes } = readDrainSwitch(configMaps, { name, before, nowMs: lookedAt });
  const stateOn = (node?: string) => positionOf(positions, node).state;
  return {
    positions,
    states: [stateOn(), stateOn("a"), stateOn("b")],
    mistakes: mistakes.map(({ message }) => message),
  };
}

const global = (state: string) => switchMap(name, { STATE: state });
const onA = (state: string) => switchMap(`${name}-a`, { STATE: state });

describe("readDrainSwitch", () => {
  const running = "Running";
  const suspend = "DrainAndSuspend";
  const terminate = "DrainAndTerminate";
  it.each<[string, ConfigMap[], [string, string, string]]>([
    ["runs where nothing is said", [], [running, running, running]],
    ["runs where the chart's ConfigMap has no data", [{ metadata: { name } }], [running, running, running]],
    ["drains everything", [global(suspend)], [suspend, suspend, suspend]],
    ["runs again", [global(running)], [running, running, running]],
    ["drains one node", [global(running), onA(suspend)], [running, suspend, running]],
    [
      "keeps a node drained under a global Running, whatever came last",
      [onA(terminate), global(running)],
      [running, terminate, running],
    ],
    ["lets one node run while the others are drained", [global(suspend), onA(running)], [suspend, running, suspend]],
    ["lets a node differ in how it is drained", [global(suspend), onA(terminate)], [suspend, terminate, suspend]],
    [
      "leaves other ConfigMaps of the prefix alone",
      [{ metadata: { name: `${name}-a` }, data: { state: suspend } }],
      [running, running, running],
    ],
    ["takes spaces around a value", [global(` ${suspend}\n`)], [suspend, suspend, suspend]],
  ])("%s", (_what, configMaps, states) => {
    expect(read(configMaps)).toMatchObject({ states, mistakes: [] });
  });

  it("ignores a bad value in words, and what was in force stays", () => {
    const before = read([global(suspend), onA(terminate)]).positions;
    expect(read([global("drain"), onA("Runing")], before)).toMatchObject({
      states: [suspend, terminate, suspend],
      mistakes: [
        'STATE of ConfigMap gpu-ci-runners is "drain" and is ignored; allowed: Running, DrainAndSuspend, DrainAndTerminate.',
        'STATE of ConfigMap gpu-ci-runners-a is "Runing" and is ignored; allowed: Running, DrainAndSuspend, DrainAndTerminate.',
      ],
    });
  });

  it("takes a bad value that was there from the beginning for none", () => {
    expect(read([global("off"), onA("off")]).states).toEqual([running, running, running]);
  });

  it("forgets a node whose ConfigMap is deleted", () => {
    const before = read([onA(suspend)]).positions;
    expect(read([], before).states).toEqual([running, running, running]);
  });

  it("counts a deadline from the last change of the ConfigMap, also after a restart", () => {
    const map = switchMap(name, { STATE: suspend, DEADLINE: "30m" }, "2026-01-01T11:50:00Z");
    expect(read([map]).positions.global).toEqual({ state: suspend, endsAtMs: Date.parse("2026-01-01T12:20:00Z") });
  });

  it("counts a deadline from the first look where the server tells no time, and keeps it", () => {
    const map = switchMap(name, { STATE: suspend, DEADLINE: "30m" });
    const first = readDrainSwitch([map], { name, before: undefined, nowMs: lookedAt });
    const second = readDrainSwitch([map], { name, before: first.positions, nowMs: lookedAt + 60_000 });
    expect([first.positions.global.endsAtMs, second.positions.global.endsAtMs]).toEqual([
      lookedAt + 1_800_000,
      lookedAt + 1_800_000,
    ]);
  });

  it("drains without a deadline when that is no duration, and says so", () => {
    expect(read([switchMap(name, { STATE: suspend, DEADLINE: "soon" })])).toMatchObject({
      positions: { global: { state: suspend, endsAtMs: undefined } },
      mistakes: [
        'DEADLINE of ConfigMap gpu-ci-runners is "soon" and is ignored; allowed: a duration such as 90s, 30m, 2h.',
      ],
    });
  });
});

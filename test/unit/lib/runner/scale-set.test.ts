import { describe, expect, it } from "vitest";
import { scaleSetPatch } from "../../../../lib/runner/scale-set.ts";

const running = { state: "Running", endsAtMs: undefined } as const;
const drained = { state: "DrainAndSuspend", endsAtMs: undefined } as const;
const remembered = (values: object) => ({ "gpu-ci/runners-before": JSON.stringify(values) });
const scaleSet = (spec: object, annotations?: Record<string, string>) => ({
  metadata: { name: "gpu", ...(annotations ? { annotations } : {}) },
  spec,
});

describe("scaleSetPatch", () => {
  it("closes a scale set and remembers what it had, also where that was the default", () => {
    expect(scaleSetPatch(scaleSet({ minRunners: 1, maxRunners: 4 }), drained)).toEqual({
      metadata: { annotations: remembered({ minRunners: 1, maxRunners: 4 }) },
      spec: { minRunners: 0, maxRunners: 0 },
    });
    expect(scaleSetPatch(scaleSet({}), drained)).toEqual({
      metadata: { annotations: remembered({ minRunners: null, maxRunners: null }) },
      spec: { minRunners: 0, maxRunners: 0 },
    });
  });

  it("leaves a closed and an open scale set as they are", () => {
    const closed = scaleSet({ minRunners: 0, maxRunners: 0 }, remembered({ minRunners: 1, maxRunners: 4 }));
    expect([
      scaleSetPatch(closed, drained),
      scaleSetPatch(scaleSet({ minRunners: 1, maxRunners: 4 }), running),
    ]).toEqual([undefined, undefined]);
  });

  it("restores what was remembered", () => {
    const closed = scaleSet({ minRunners: 0, maxRunners: 0 }, remembered({ minRunners: null, maxRunners: 4 }));
    expect(scaleSetPatch(closed, running)).toEqual({
      metadata: { annotations: { "gpu-ci/runners-before": null } },
      spec: { minRunners: null, maxRunners: 4 },
    });
  });

  it("closes again what an upgrade opened during the drain, and remembers the upgrade's values", () => {
    const upgraded = scaleSet({ minRunners: 2, maxRunners: 8 }, remembered({ minRunners: 1, maxRunners: 4 }));
    expect(scaleSetPatch(upgraded, drained)).toEqual({
      metadata: { annotations: remembered({ minRunners: 2, maxRunners: 8 }) },
      spec: { minRunners: 0, maxRunners: 0 },
    });
  });

  it("keeps values that somebody set during the drain", () => {
    const changed = scaleSet({ minRunners: 0, maxRunners: 9 }, remembered({ minRunners: 1, maxRunners: 4 }));
    expect(scaleSetPatch(changed, running)).toEqual({ metadata: { annotations: { "gpu-ci/runners-before": null } } });
  });
});

import { describe, expect, it } from "vitest";
import { isExpired } from "../../../../lib/engine/kubernetes-sweep.ts";

describe("isExpired", () => {
  it.each([
    ["2026-01-01T00:00:00Z", true],
    ["2026-01-03T00:00:00Z", false],
    ["soon", false],
    [undefined, false],
  ])("%s: %s", (expires, expected) => {
    const annotations: Record<string, string> = expires === undefined ? {} : { "gpu-ci/expires": expires };
    expect(isExpired({ metadata: { annotations } }, new Date("2026-01-02T00:00:00Z"))).toBe(expected);
  });
});

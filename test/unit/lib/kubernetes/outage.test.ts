import { describe, expect, it } from "vitest";
import { createOutage } from "../../../../lib/kubernetes/outage.ts";
import { silentLog } from "../../../../lib/log.ts";

function observe(script: (step: { fail: (atMs: number) => void; recover: (atMs: number) => void }) => void): string[] {
  const lines: string[] = [];
  let nowMs = 0;
  const outage = createOutage({ ...silentLog, info: (line) => lines.push(line) }, () => nowMs);
  const at = (action: () => void) => (atMs: number) => {
    nowMs = atMs;
    action();
  };
  script({ fail: at(() => outage.failed()), recover: at(() => outage.over()) });
  return lines;
}

describe("an outage of the API server", () => {
  it("is told in one line while it lasts, however many follow the server", () => {
    const lines = observe(({ fail, recover }) => {
      for (const atMs of [0, 100, 5000, 9000, 12_000, 12_100, 40_000]) fail(atMs);
      recover(60_000);
    });
    expect(lines).toEqual(["API away 12 s, still following."]);
  });

  it("is told at its end when it was shorter than 10 s", () => {
    const lines = observe(({ fail, recover }) => {
      fail(0);
      fail(4000);
      recover(5000);
      recover(5100);
    });
    expect(lines).toEqual(["API away 5 s, still following."]);
  });

  it("is not told when it was a blink, and is told anew each time", () => {
    const lines = observe(({ fail, recover }) => {
      fail(0);
      recover(1500);
      fail(20_000);
      recover(23_000);
      fail(50_000);
      fail(61_000);
    });
    expect(lines).toEqual(["API away 3 s, still following.", "API away 11 s, still following."]);
  });
});

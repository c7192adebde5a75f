import { expect, it } from "vitest";
import { createAllowance } from "../../../../lib/engine/allowance.ts";

it("an allowance says yes in a burst, then as often as its rate", () => {
  let at = 0;
  const may = createAllowance({ burst: 3, perSecond: 2 }, () => new Date(at));
  const askAt = (times: readonly number[]) =>
    times.map((time) => {
      at = time;
      return may();
    });
  expect(askAt([0, 0, 0, 0, 400, 500, 500])).toEqual([true, true, true, false, false, true, false]);
  expect(askAt([60_000, 60_000, 60_000, 60_000])).toEqual([true, true, true, false]);
});

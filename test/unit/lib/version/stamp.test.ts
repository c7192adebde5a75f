import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatStamp, parseStamp, stampSeconds } from "../../../../lib/version/stamp.ts";

describe("stamps", () => {
  it.each([
    [1554337180, "aaaagjecpnf"],
    [1554999113, "aaaagjfuypo"],
    [1555602212, "aaaagjhioon"],
    [1555974667, "aaaagjihjms"],
    [1580836885, "aaaagmwypak"],
    [1632793860, "aaaagseyvek"],
    [1795189119, "aaaahivscpu"],
    [0, "aaaaaaaa"],
    [2 ** 31 - 1, "aaaaiuxoyvx"],
    [2 ** 32 - 1, "aaaaspvcxrv"],
    [2 ** 32, "aaaspvcxrw"],
  ])("%d is %s, and back", (seconds, stamp) => {
    expect(formatStamp(seconds)).toBe(stamp);
    expect(parseStamp(stamp)).toBe(seconds);
  });

  it("sort as text in the order of time, for as long as a stamp has 11 letters", () => {
    const seconds = fc.integer({ min: 1_500_000_000, max: 4_000_000_000 });
    fc.assert(fc.property(seconds, seconds, (one, other) => formatStamp(one) < formatStamp(other) === one < other));
  });

  it("are decoded to the second they were made of", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (seconds) => parseStamp(formatStamp(seconds)) === seconds));
  });

  it.each(["", "aaaal", "AAAA", "zzzz", "aaaaaaaaa", "aaaagjecpn1"])("%j is no stamp", (text) =>
    expect(parseStamp(text)).toBeUndefined(),
  );

  it("are made of SOURCE_DATE_EPOCH before the commit's time", () => {
    const commitTime = new Date("2026-11-20T00:00:00.000Z");
    expect(stampSeconds({ SOURCE_DATE_EPOCH: "1554337180" }, commitTime)).toBe(1554337180);
    expect(stampSeconds({ SOURCE_DATE_EPOCH: "yesterday" }, commitTime)).toBe(1795132800);
    expect(stampSeconds({}, commitTime)).toBe(1795132800);
  });
});

import fc from "fast-check";
import { expect, it } from "vitest";
import { formatChecksums, parseChecksums } from "../../../../lib/release/checksums.ts";

const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const name = fc.stringMatching(/^[A-Za-z0-9_.+-]{1,20}$/);

it("checksums are read back as they were written, sorted by name", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, digest), { selector: ([key]) => key }), (entries) => {
      const sorted = entries.toSorted(([left], [right]) => (left < right ? -1 : 1));
      expect([...parseChecksums(formatChecksums(new Map(entries)))]).toEqual(sorted);
    }),
  );
});

it("lines of another shape are left out", () => {
  const hex = "a".repeat(64);
  expect([...parseChecksums(`# sums\r\n${hex} *b\r\nnonsense\n${hex}  a\n`)]).toEqual([
    ["b", hex],
    ["a", hex],
  ]);
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLineCleaner } from "../../../lib/log-line.ts";

function cleaned(log: Buffer, size: number): string {
  const cleaner = createLineCleaner();
  const parts: Uint8Array[] = [];
  // What a push gives lasts until the next one.
  for (let at = 0; at < log.length; at += size) parts.push(Buffer.from(cleaner.push(log.subarray(at, at + size))));
  return Buffer.concat([...parts, cleaner.end()]).toString("latin1");
}

/** Whatever the cleaner treats in a way of its own, whole and in parts. */
const tokens = [
  ["\n", "\r", "\r\n", "\0", "\t", "\u0007", "\u007f", "\u0018", "m", "[", "31", "plain text", "\u001b", "\u001b["],
  ["\u001b[31m", "\u001b[0m", "\u001b[38;2;1;2;3m", "\u001b[2K", `\u001b[${"1".repeat(62)}m`, "\u001b(B"],
  [
    "\u001b]0;title\u0007",
    "\u001bP1$r\u001b\\",
    "\u009b31m",
    "\u009dtitle\u0007",
    "\u0085",
    "°",
    "é",
    "€",
    "\u{1f680}",
  ],
]
  .flat()
  .map((text) => Buffer.from(text));
const wrong = [[0xff], [0xc2], [0xe2, 0x82], [0xf0, 0x9f], [0x80], [0xc0, 0x80]].map((bytes) => Buffer.from(bytes));
const log = fc
  .array(fc.constantFrom(...tokens, ...wrong), { minLength: 1, maxLength: 80 })
  .map((parts) => Buffer.concat(parts));

describe("The line cleaner", () => {
  it("gives the same lines however the bytes are cut", () => {
    fc.assert(
      fc.property(log, fc.integer({ min: 2, max: 40 }), (bytes, size) => {
        const expected = cleaned(bytes, 1);
        expect(cleaned(bytes, size)).toBe(expected);
        expect(cleaned(bytes, bytes.length)).toBe(expected);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it.each(["x", "x\n", "€", "\u00ff\n"])(
    "gives the same where long lines are cut and chunks end, after %j",
    (filler) => {
      const size = Buffer.byteLength(filler);
      fc.assert(
        fc.property(log, fc.integer({ min: 0, max: 300 }), (bytes, before) => {
          const start = Buffer.from(filler.repeat(Math.floor((65_536 - before) / size)));
          const long = Buffer.concat([start, bytes, start, bytes]);
          expect(cleaned(long, long.length)).toBe(cleaned(long, 997));
        }),
        { seed: 1, numRuns: 30 },
      );
    },
  );

  it.each([997, 65_000, 1_000_000])("cuts lines of more than 64 KiB and no others, in chunks of %i", (size) => {
    const note = (bytes: number) => ` … (${bytes} more bytes of this line are in the log file)`;
    const x = (bytes: number) => "x".repeat(bytes);
    const lines = [
      ["short", "short"],
      [x(65_536), x(65_536)],
      [x(65_537), x(65_536) + note(1)],
      [`${x(70_000)}\r`, x(65_536) + note(4464)],
      [`${x(70_000)}\rnew`, "new"],
      [`${x(65_000)}\u001b[31m${x(65_000)}`, `${x(65_000)}\u001b[31m${x(531)}${note(64_469)}`],
      ["a\r", "a"],
      ["€".repeat(30_000), "€".repeat(21_845) + note(24_465)],
      ["end", "end"],
    ];
    const log = Buffer.from(lines.map(([raw]) => `${raw}\n`).join(""));
    const shown = lines.map(([, line]) => `${line}\n`).join("");
    // Not toBe: it would print all of both.
    expect(cleaned(log, size) === Buffer.from(shown).toString("latin1")).toBe(true);
  });

  it("cuts each line that is too long and no other, among bytes that grow because they are no UTF-8", () => {
    const bytes = Buffer.concat([Buffer.alloc(30_000, "\xff\n", "latin1"), Buffer.alloc(60_000, 0xff)]);
    const lines = Buffer.from(cleaned(bytes, bytes.length), "latin1").toString().split("\n");
    expect(lines.slice(0, 15_000).every((line) => line === "\uFFFD")).toBe(true);
    expect(lines.slice(15_000)).toEqual([
      `${"\uFFFD".repeat(21_845)} … (114465 more bytes of this line are in the log file)`,
      "",
    ]);
  });

  it("leaves nothing of a control sequence that was broken off to the next one", () => {
    expect(cleaned(Buffer.from("\u001b[3\u0018\u009b1mx\n"), 100)).toBe("\u001b[1mx\n");
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogCursor } from "../../../../lib/kubernetes/log-cursor.ts";

/** What the runtime writes for a line: one entry, or several when it is long. The kubelet filters entries, not lines. */
interface Line {
  readonly entries: readonly { readonly nanos: bigint; readonly content: string }[];
}

const start = BigInt(Date.parse("2026-11-20T10:00:00Z")) * 1_000_000n;

function stampOf(nanos: bigint): string {
  const second = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${second}.${String(nanos % 1_000_000_000n).padStart(9, "0")}Z`;
}

/** What the kubelet answers: entries before `sinceTime` are left out one by one, the first one of a line gets the timestamp. */
function answer(lines: readonly Line[], sinceTime: string | undefined): Buffer {
  const since = sinceTime === undefined ? 0n : BigInt(Date.parse(sinceTime)) * 1_000_000n;
  const parts = lines.flatMap(({ entries }) =>
    entries.map(({ nanos, content }, index) => {
      const end = index === entries.length - 1 ? "\n" : "";
      return nanos < since ? "" : `${index === 0 ? `${stampOf(nanos)} ` : ""}${content}${end}`;
    }),
  );
  return Buffer.from(parts.join(""));
}

const content = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.constant(""), fc.constant(stampOf(start)));
const gapNanos = fc.oneof(
  fc.bigInt({ min: 1n, max: 1000n }),
  fc.bigInt({ min: 1n, max: 400_000_000n }),
  fc.bigInt({ min: 1n, max: 9_000_000_000n }),
);
const lineParts = fc.array(fc.tuple(gapNanos, content), { minLength: 1, maxLength: 3 });
const log = fc.array(lineParts, { minLength: 1, maxLength: 30 }).map((lines) => {
  let nanos = start;
  return lines.map(
    (entries): Line => ({
      entries: entries.map(([gap, text]) => {
        nanos += gap;
        return { nanos, content: text.replaceAll("\n", "") };
      }),
    }),
  );
});

function readAll(cursor: LogCursor, bytes: Buffer, chunkBytes: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) parts.push(cursor.push(bytes.subarray(at, at + chunkBytes)));
  return Buffer.concat(parts);
}

describe("a log read over connections that are cut", () => {
  it("is the same bytes as over one connection, wherever it was cut and however it was chunked", () => {
    const cuts = fc.array(fc.nat(3000), { maxLength: 8 });
    fc.assert(
      fc.property(log, cuts, fc.integer({ min: 1, max: 200 }), (lines, cutBytes, chunkBytes) => {
        const cursor = new LogCursor();
        const parts: Buffer[] = [];
        for (const cut of [...cutBytes, Number.POSITIVE_INFINITY]) {
          const bytes = answer(lines, cursor.begin());
          parts.push(readAll(cursor, bytes.subarray(0, cut), chunkBytes));
        }
        const whole = lines.map(({ entries }) => `${entries.map((entry) => entry.content).join("")}\n`).join("");
        expect(Buffer.concat(parts).toString("latin1")).toBe(Buffer.from(whole).toString("latin1"));
        expect([cursor.gap(), cursor.isAligned(), cursor.message()]).toEqual([undefined, true, undefined]);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps lines whose timestamps stand a little out of order", () => {
    const nanos = [900_000_000n, 1_000_100_000n, 999_900_000n, 1_000_200_000n, 999_999_999n, 1_100_000_000n];
    const lines = nanos.map((offset, index) => ({ entries: [{ nanos: start + offset, content: `line ${index}` }] }));
    const cursor = new LogCursor();
    const parts: Buffer[] = [];
    for (let count = 1; count <= lines.length; count++) {
      const bytes = answer(lines.slice(0, count), cursor.begin());
      parts.push(cursor.push(bytes));
    }
    expect(Buffer.concat(parts).toString()).toBe("line 0\nline 1\nline 2\nline 3\nline 4\nline 5\n");
    expect(cursor.gap()).toBe(undefined);
  });

  it("reads timestamps with an offset from UTC", () => {
    const cursor = new LogCursor();
    cursor.begin();
    expect(cursor.push(Buffer.from("2026-11-20T12:00:00.123456789+02:00 hello\n")).toString()).toBe("hello\n");
    expect(cursor.begin()).toBe("2026-11-20T09:59:59Z");
  });

  it("names the gap when the log was rotated between two connections, and ends the line that lost its end", () => {
    const cursor = new LogCursor();
    cursor.begin();
    const before = cursor.push(Buffer.from("2026-11-20T10:00:00.000000001Z one\n2026-11-20T10:00:01.000000001Z tw"));
    cursor.begin();
    const after = cursor.push(Buffer.from("2026-11-20T10:00:05.000000001Z three\n"));
    expect(Buffer.concat([before, after]).toString()).toBe("one\ntw\nthree\n");
    expect(cursor.gap()).toBe(
      "lines between 2026-11-20T10:00:01.000000001Z and 2026-11-20T10:00:05.000000001Z may be missing: the node had rotated the log before they were read",
    );
  });

  it("sees no gap when the rotated log still holds the last line that was read", () => {
    const cursor = new LogCursor();
    cursor.begin();
    const last = "2026-11-20T10:00:01.500000000Z two\n";
    cursor.push(Buffer.from(`2026-11-20T10:00:01.000000000Z one\n${last}`));
    cursor.begin();
    expect(cursor.push(Buffer.from(`${last}2026-11-20T10:00:02.000000000Z three\n`)).toString()).toBe("three\n");
    expect([cursor.gap(), cursor.isAligned()]).toEqual([undefined, true]);
  });

  it("takes a line without a timestamp for the kubelet's own words and not for the container's", () => {
    const cursor = new LogCursor();
    cursor.begin();
    const words = "unable to retrieve container logs for containerd://0123456789";
    expect(cursor.push(Buffer.from(`2026-11-20T10:00:00.000000001Z one\n${words}\n`)).toString()).toBe("one\n");
    expect(cursor.message()).toBe(words);
    cursor.begin();
    expect(cursor.message()).toBe(undefined);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFenceToken, createLogRelay } from "../../../lib/log-relay.ts";
import { commandsIn } from "../../support/runner-parser.ts";

const token = "12345678901234567890123456789012";

async function relay(
  chunks: readonly (string | Uint8Array)[],
  mask: readonly string[] = [],
  fence?: string,
): Promise<string> {
  const written: Uint8Array[] = [];
  const write = async (bytes: Uint8Array) => void written.push(Uint8Array.from(bytes));
  const target = createLogRelay({ write, mask, ...(fence === undefined ? {} : { fence }) });
  for (const chunk of chunks) await target.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  await target.end();
  return Buffer.concat(written).toString("utf8");
}

const hostile = [
  "::set-output name=a::b",
  "::add-mask::x",
  "::stop-commands::x",
  "::stop-commands::\n::x::",
  "\u2003::error::x",
  "\u0085::error::x",
  "\ufeff::error::x",
  "text ##[error]x",
  "a\r::error::b",
  "a\r##[error]b",
  "##[group]x",
  "::endgroup::",
  `::${token}::`,
  `::${token.toUpperCase()}::\n::error::x`,
  `##[${token}]\n::error::x`,
  "##\u0007[error]x",
  "#\u001b]0;t\u0007#[error]x",
  "###[error]x",
  "##\u001b[2K[error]x",
  "\u001b]0;never closed ::error::x",
  "::error file=a,line=1::x",
  "\0::error::x",
  "##\u009b2K[error]x",
  "::save-state name=x::y\r\n::set-env name=PATH::/evil",
];

describe("The log relay under GitHub Actions", () => {
  it.each(hostile)("obeys no command in %j", async (line) => {
    expect(commandsIn(await relay([`${line}\n`], [], token))).toEqual([]);
    expect(commandsIn(await relay(chunksOf(Buffer.from(line), 1), [], token))).toEqual([]);
    // Without the fence only the bracket form is broken: a terminal has no double-colon commands.
    expect(commandsIn((await relay([`x ${line}\n`])).replaceAll("::", ""))).toEqual([]);
  });

  it("obeys no command however hostile lines are mixed and cut", async () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom(...hostile), fc.string()), { maxLength: 12 })
      .map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (log, size) => {
        expect(commandsIn(await relay(chunksOf(Buffer.from(log), size), [], token))).toEqual([]);
      }),
    );
  });

  it("breaks as many commands as there are", async () => {
    const lines = ["##[".repeat(10_000), "no command", "###", "##[".repeat(20_000)].map((line) => `${line}\n`);
    // Not toBe: it would print all of both.
    expect((await relay(lines)) === lines.join("").replaceAll("##[", "## [")).toBe(true);
  });

  it("closes the fence on a line of its own when the log ends without a newline", async () => {
    expect(await relay(["no newline"], [], token)).toBe(`::stop-commands::${token}\nno newline\n::${token}::\n`);
  });

  it("writes nothing for a container that wrote nothing", async () => {
    expect(await relay([], [], token)).toBe("");
  });

  it("makes tokens of digits, which have no case", () => {
    expect(createFenceToken()).toMatch(/^\d{32}$/);
    expect(createFenceToken()).not.toBe(createFenceToken());
  });
});

describe("The log relay", () => {
  it("gives the same text however the bytes are cut", async () => {
    const byte = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0x0a, 0x0d, 0x1b, 0x5b, 0x6d, 0x23, 0xc2, 0x9b, 0xe2, 0x82, 0xac),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(byte, { maxLength: 200 }), fc.integer({ min: 1, max: 7 }), async (bytes, size) => {
        const log = Uint8Array.from(bytes);
        expect(await relay(chunksOf(log, size), ["#[m€"])).toBe(await relay([log], ["#[m€"]));
      }),
    );
  });

  it.each([
    ["a\r\nb\r\n", "a\nb\n"],
    ["10%\r50%\r100%\ndone\n", "100%\ndone\n"],
    ["100%\r\u001b[K\n", "100%\n"],
    ["\u001b[1;31mred\u001b[0m\u001b[2J\u001b[10;5Hx\n", "\u001b[1;31mred\u001b[0mx\n"],
    ["\u001b[31mred\n", "\u001b[31mred\n\u001b[0m\n"],
    ["\u001b]0;title\u0007a\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\\n", "alink\n"],
    ["\u001b]52;c;ZXZpbA==\u0007a\u001bP1$r0m\u001b\\b\n", "ab\n"],
    ["\u001b]never closed\nnext\n", "\nnext\n"],
    ["nul \0 bell \u0007 del \u007f c1 \u0085x\n", "nul \uFFFD bell  del  c1 x\n"],
    ["tab\té° €\n", "tab\té° €\n"],
  ])("shows %j as %j", async (raw, shown) => {
    expect(await relay([raw])).toBe(shown);
    expect(await relay(chunksOf(Buffer.from(raw), 1))).toBe(shown);
  });

  it("replaces what is no UTF-8 and keeps characters cut between chunks", async () => {
    expect(await relay([Uint8Array.of(0x61, 0xff, 0x62, 0xe2), Uint8Array.of(0x82, 0xac, 0x0a)])).toBe("a\uFFFDb€\n");
  });

  it("holds one line of 64 KiB at most of a line of 100 MB, and says how much it left out", async () => {
    const chunk = Buffer.alloc(1_000_000, "x");
    const before = process.memoryUsage().arrayBuffers;
    let writtenBytes = 0;
    let peak = 0;
    const write = async (bytes: Uint8Array) => {
      writtenBytes += bytes.length;
    };
    const target = createLogRelay({ write, mask: ["a secret"] });
    for (let count = 0; count < 100; count++) {
      await target.push(chunk);
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }
    await target.end();
    expect(writtenBytes).toBe(
      65_536 + Buffer.byteLength(" … (99934464 more bytes of this line are in the log file)\n"),
    );
    expect(peak).toBeLessThan(30_000_000);
  });

  it("shows no more than its limit and says where the rest is, with the fence closed", async () => {
    const written: string[] = [];
    const write = async (bytes: Uint8Array) => void written.push(Buffer.from(bytes).toString());
    const target = createLogRelay({ write, mask: [], fence: token, limitBytes: 8 });
    for (const line of ["one\n", "two\n", "three\n"]) await target.push(Buffer.from(line));
    await target.end();
    const pointer = "… The log goes on: all of it is in the log file.\n";
    expect(written.join("")).toBe(`::stop-commands::${token}\none\ntwo\n${pointer}::${token}::\n`);
  });

  it("goes on when the console is gone", async () => {
    const target = createLogRelay({ write: () => Promise.reject(new Error("EPIPE")), mask: [] });
    await target.push(Buffer.from("a\n"));
    await target.push(Buffer.from("b\n"));
    await expect(target.end()).resolves.toBeUndefined();
  });
});

function chunksOf(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

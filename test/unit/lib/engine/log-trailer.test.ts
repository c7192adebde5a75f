import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogTrailer } from "../../../../lib/engine/log-trailer.ts";

const name = "gpu-ci-7-1";
const receipt = '{"exitCode":0,"timedOut":false,"collected":0,"gpus":[],"runMs":20,"load":""}';
const out = `gpu-ci-end ${name} ${receipt}\n`;
const err = `gpu-ci-end ${name}\n`;

/** What is left of a log that comes in these chunks, and the receipt after each of them. */
function read(chunks: readonly string[]) {
  const trailer = createLogTrailer(name);
  const receipts: (string | undefined)[] = [];
  const given = chunks.map((chunk) => {
    const rest = Buffer.from(trailer.push(Buffer.from(chunk)));
    receipts.push(trailer.receipt());
    return rest.toString();
  });
  return { given, text: given.join("") + Buffer.from(trailer.end()).toString(), receipts };
}

describe("createLogTrailer", () => {
  it.each([
    ["both at the end", `a\nb\n${out}${err}`, "a\nb\n"],
    ["stderr's first, and lines of stdout after it", `a\n${err}b\n${out}`, "a\nb\n"],
    ["one behind a line without a newline", `a\nb${out}${err}`, "a\nb"],
    ["a line after one that had no newline", `a\nb${out}c\n${err}`, "a\nb\nc\n"],
    ["two lines without a newline", `b${out}c${err}`, "b\nc"],
    ["a log with nothing else", `${err}${out}`, ""],
  ])("takes both trailers off: %s", (_what, log, rest) => {
    const { text, receipts } = read([log]);
    expect([text, receipts]).toEqual([rest, [receipt]]);
  });

  it("has the receipt only when both outputs have come to their ends", () => {
    expect(read([`a\n${out}`, "late on stderr\n", err]).receipts).toEqual([undefined, undefined, receipt]);
    expect(read([`a\n${err}`, out]).receipts).toEqual([undefined, receipt]);
  });

  it.each([
    ["of another test", `gpu-ci-end gpu-ci-8-1 ${receipt}\n`],
    ["of a test whose name goes on", `gpu-ci-end ${name}1\n`],
    ["with something else than a receipt", `gpu-ci-end ${name} {"exitCode":"0"}\n`],
    ["that is never ended", `gpu-ci-end ${name} {"exitCode":0`],
    ["that is longer than any", `gpu-ci-end ${name} ${"x".repeat(9000)}`],
    ["as the environment shows its name", `GPU_CI_TRAILER=${name}\n`],
  ])("leaves a line %s to the test", (_what, line) => {
    expect(read([`a\n${line}`, "b"])).toMatchObject({ text: `a\n${line}b`, receipts: [undefined, undefined] });
  });

  it("keeps nothing back that cannot be a trailer's beginning", () => {
    expect(read(["gpu-ci-end of it\n", "a gpu", "-ci-", "x\n"]).given).toEqual([
      "gpu-ci-end of it\n",
      "a ",
      "",
      "gpu-ci-x\n",
    ]);
  });

  it("gives the same however the log is cut into chunks", () => {
    const pieces = fc.array(fc.constantFrom("a", "\n", "gpu-ci-end", " ", name, receipt, "gpu-ci-end gpu", out, err));
    const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });
    fc.assert(
      fc.property(pieces, cuts, (log, at) => {
        const text = log.join("");
        const edges = [0, ...at.map((cut) => Math.min(cut, text.length)).toSorted((a, b) => a - b), text.length];
        const chunks = edges.slice(1).map((edge, index) => text.slice(edges[index], edge));
        const [whole, cut] = [read([text]), read(chunks)];
        expect([cut.text, cut.receipts.at(-1)]).toEqual([whole.text, whole.receipts.at(-1)]);
      }),
      { numRuns: 500 },
    );
  });
});

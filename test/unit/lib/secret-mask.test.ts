import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSecretMask, createTextMask, maskText } from "../../../lib/secret-mask.ts";

const key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n7dZ+/xyz==\n-----END KEY-----\n";

function inPieces(text: string, secrets: readonly string[], size: number): string {
  const mask = createSecretMask(secrets);
  const bytes = Buffer.from(text);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(Buffer.from(mask.push(bytes.subarray(at, at + size))));
  return Buffer.concat([...parts, mask.end()]).toString("utf8");
}

/** The same, slowly: every character that a secret covers, and one run of stars for those that overlap. */
function masked(log: string, secrets: readonly string[]): string {
  let output = "";
  let until = 0;
  for (let at = 0; at < log.length; at++) {
    const length = Math.max(
      0,
      ...secrets.filter((secret) => log.startsWith(secret, at)).map((secret) => secret.length),
    );
    if (length > 0 && at >= until) output += "***";
    if (length > 0) until = Math.max(until, at + length);
    if (at >= until) output += log[at];
  }
  return output;
}

describe("The secret mask", () => {
  it.each([
    ["as it is", 'token=hunter2/ä&"x y', "token=***"],
    ["in base64", `b64 ${Buffer.from('hunter2/ä&"x y').toString("base64")} end`, "b64 *** end"],
    ["for a URL", `?a=${encodeURIComponent('hunter2/ä&"x y')}&b`, "?a=***&b"],
    ["for a form", `?a=${encodeURIComponent('hunter2/ä&"x y').replaceAll("%20", "+")}&b`, "?a=***&b"],
    ["in JSON", JSON.stringify({ a: 'hunter2/ä&"x y' }), '{"a":"***"}'],
    ["in ASCII JSON", '{"a":"hunter2/\\u00e4&\\"x y"}', '{"a":"***"}'],
    ["in XML", "<a>hunter2/ä&amp;&quot;x y</a>", "<a>***</a>"],
  ])("hides a secret %s, wherever the bytes are cut", (_form, log, masked) => {
    for (const size of [1, 2, 3, 5, 1000]) expect(inPieces(log, ['hunter2/ä&"x y'], size)).toBe(masked);
  });

  it("hides a secret inside longer base64 at each of its three offsets", () => {
    for (const before of ["", "u", "us"]) {
      const log = Buffer.from(`${before}correct horse battery:rest`).toString("base64");
      const middle = Buffer.from("orrect horse batter").toString("base64").slice(2, -3);
      expect(maskText(log, ["correct horse battery"])).toContain("***");
      expect(maskText(log, ["correct horse battery"])).not.toContain(middle);
    }
  });

  it("hides a multi-line secret whole, by single lines, indented, and wrapped in base64", () => {
    expect(maskText(key, [key])).toBe("***");
    expect(maskText("  MIIEvQIBADANBgkqhkiG9w0BAQEF\n  7dZ+/xyz==\n", [key])).toBe("  ***\n  ***\n");
    const wrapped = Buffer.from(key.repeat(3))
      .toString("base64")
      .replace(/(.{76})/g, "$1\n");
    expect(maskText(wrapped, [key.repeat(3)])).toMatch(/^[*\n]+$/);
    for (const size of [1, 7, 20]) expect(inPieces(`a\n${key}b\n`, [key], size)).toBe("a\n***b\n");
  });

  it("leaves no end of overlapping secrets", () => {
    expect(maskText("xabcdefghix", ["abcdef", "defghi"])).toBe("x***x");
    expect(inPieces("xabcdefghix", ["abcdef", "defghi"], 1)).toBe("x***x");
    expect(maskText("abcdefgx", ["abcdef", "bcdefg"])).toBe("***x");
    expect(maskText("abcdabcd", ["abcd"])).toBe("******");
    expect(maskText("secretly", ["secret", "secretly"])).toBe("***");
  });

  it("hides whatever overlaps, wherever the bytes are cut, and nothing else", () => {
    const secrets = ["abab", "babb", "aabab", "bbbbb"];
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 9 }), (log, size) => {
        expect(inPieces(log, secrets, size)).toBe(masked(log, secrets));
      }),
      { numRuns: 2000 },
    );
  });

  it("hides secrets of many lengths, and what is left of their beginnings stays", () => {
    const secrets = ["abcdefgh", "abcdefghabcdefghabc", "hgfedcba1234", "defghab\nhgfed"];
    const pieces = fc.constantFrom(
      ...secrets,
      ...secrets.map((secret) => secret.slice(0, 7)),
      "some other text ",
      "\n",
      "a",
    );
    const text = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
    // Of a secret of many lines each line is one, too.
    const forms = [...secrets, "defghab"];
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 50 }), (log, size) => {
        expect(inPieces(log, secrets, size)).toBe(masked(log, forms));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it("hides at the end what begins one secret and is another", () => {
    expect(maskText("a hunter2", ["hunter2", "hunter2hunter2"])).toBe("a ***");
    for (const size of [1, 7, 100]) expect(inPieces(key.split("\n7dZ")[0] ?? "", [key], size)).toBe("***\n***");
  });

  it("masks one text after another, and keeps nothing of one for the next", () => {
    const mask = createTextMask(["hunter2hunter2"]);
    expect(["a hunter2hun", "ter2 b", "hunter2hunter2"].map(mask)).toEqual(["a hunter2hun", "ter2 b", "***"]);
  });

  it("leaves values of three characters alone", () => {
    expect(maskText("a yes b", ["yes", "", "  a  "])).toBe("a yes b");
  });

  it("keeps nothing back of a line that cannot be the beginning of a secret", () => {
    const mask = createSecretMask(["hunter2hunter2"]);
    expect(Buffer.from(mask.push(Buffer.from("a line\n"))).toString()).toBe("a line\n");
    expect(Buffer.from(mask.push(Buffer.from("half: hunt"))).toString()).toBe("half: ");
    expect(Buffer.from(mask.push(Buffer.from("ing\n"))).toString()).toBe("hunting\n");
  });
});

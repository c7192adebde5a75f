import fc from "fast-check";
import { expect, it } from "vitest";
import { createLineSplitter } from "../../../../lib/kubernetes/line-splitter.ts";

it("gives the same lines however the bytes were cut, also within a character", () => {
  const line = fc.string({ unit: "binary", maxLength: 20 }).map((text) => text.replaceAll("\n", ""));
  fc.assert(
    fc.property(fc.array(line), fc.integer({ min: 1, max: 9 }), (lines, chunkBytes) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const splitter = createLineSplitter();
      const got: string[] = [];
      for (let at = 0; at < bytes.length; at += chunkBytes)
        got.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
      expect(got).toEqual(lines.map((text) => Buffer.from(text).toString()));
    }),
  );
});

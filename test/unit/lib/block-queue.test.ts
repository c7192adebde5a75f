import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockQueue } from "../../../lib/block-queue.ts";

async function readAll(queue: BlockQueue): Promise<string[]> {
  const blocks: string[] = [];
  for await (const block of queue) {
    // The writer goes on while a block is read.
    await new Promise((resolve) => setImmediate(resolve));
    blocks.push(Buffer.from(block).toString());
  }
  return blocks;
}

describe("BlockQueue", () => {
  it("gives full blocks, and what is left at the end", async () => {
    const queue = new BlockQueue({ blockBytes: 4, onWanted: () => {} });
    for (const piece of ["ab", "cdefg", "", "h", "ijklmnop", "q"]) queue.add(Buffer.from(piece));
    queue.end();
    expect(await readAll(queue)).toEqual(["abcd", "efgh", "ijkl", "mnop", "q"]);
  });

  it("says when its reader is behind, and when it has caught up", async () => {
    let wanted = 0;
    const queue = new BlockQueue({ blockBytes: 2, onWanted: () => wanted++ });
    expect(["ab", "c", "d", "e"].map((piece) => queue.add(Buffer.from(piece)))).toEqual([true, true, false, false]);
    queue.end();
    expect([await readAll(queue), wanted]).toEqual([["ab", "cd", "e"], 1]);
  });

  it("throws the error at the end of what came before it", async () => {
    const queue = new BlockQueue({ blockBytes: 4, onWanted: () => {} });
    const seen: string[] = [];
    const read = async () => {
      for await (const block of queue) seen.push(Buffer.from(block).toString());
    };
    const reading = read();
    queue.add(Buffer.from("abcde"));
    queue.end(new Error("broken"));
    queue.end();
    await expect(reading).rejects.toThrow("broken");
    expect(seen).toEqual(["abcd", "e"]);
  });

  it("gives the bytes that were added, whatever the pieces and however fast they are read", async () => {
    const pieces = fc.array(fc.string({ maxLength: 9 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 7 }), fc.boolean(), async (texts, blockBytes, waits) => {
        let resume = () => {};
        const queue = new BlockQueue({ blockBytes, onWanted: () => resume() });
        const write = async () => {
          for (const text of texts) {
            const isWanted = queue.add(Buffer.from(text));
            if (waits && !isWanted)
              await new Promise<void>((resolve) => {
                resume = resolve;
              });
          }
          queue.end();
        };
        const [blocks] = await Promise.all([readAll(queue), write()]);
        expect(blocks.join("")).toBe(texts.join(""));
      }),
      { numRuns: 200 },
    );
  });
});

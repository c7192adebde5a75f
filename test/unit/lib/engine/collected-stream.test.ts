import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Listing, receiveCat, receiveTar } from "../../../../lib/engine/collected-stream.ts";
import type { CollectedFile } from "../../../../lib/engine/test-pod.ts";

let home: string;
let directory: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "gpu-ci-collected-"));
  directory = join(home, "out");
  await mkdir(directory);
  await mkdir(join(home, "in/a"), { recursive: true });
  await writeFile(join(home, "in/a/big"), Buffer.alloc(300_000, 7));
  await writeFile(join(home, "in/small"), "x");
  await symlink("/etc/passwd", join(home, "in/link"));
});
afterEach(() => rm(home, { recursive: true }));

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
const listing = (files: Record<string, Uint8Array | string>, whole = Promise.resolve()): Listing => ({
  whole,
  files: new Map(
    Object.entries(files).map(([path, bytes]) => [
      path,
      { sha256: sha256(bytes), sizeBytes: Buffer.byteLength(bytes) },
    ]),
  ),
});
const expected = { "a/big": Buffer.alloc(300_000, 7), small: "x" };
const archive = async () => {
  const chunks: Buffer[] = [];
  for await (const chunk of create({ cwd: join(home, "in") }, ["."])) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

describe("receiveTar", () => {
  it("writes regular files only and returns at the archive's end, though the stream stays open", async () => {
    const stream = new PassThrough();
    stream.write(await archive());
    const received: CollectedFile[] = [];
    await receiveTar(stream, { directory, listing: listing(expected), received });
    expect(
      received.map(({ path, sizeBytes }) => [path, sizeBytes]).sort((a, b) => String(a).localeCompare(String(b))),
    ).toEqual([
      ["a/big", 300_000],
      ["small", 1],
    ]);
    expect((await readdir(directory)).sort()).toEqual(["a", "small"]);
  });

  it("has taken all of a chunk when it asks for the next one, whatever the sizes of the files", async () => {
    const files: Record<string, Buffer> = {};
    for (let index = 0; index < 60; index++) {
      const name = `${index % 7}/${"long-".repeat(Math.min(index, 45))}${index}`;
      files[name] = randomBytes(Math.floor(index ** 4 / 2) + (index % 3));
      await mkdir(join(home, "many", String(index % 7)), { recursive: true });
      await writeFile(join(home, "many", name), files[name]);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of create({ cwd: join(home, "many") }, ["."])) chunks.push(chunk as Buffer);
    const whole = Buffer.concat(chunks);
    const overwritten = async function* () {
      const block = Buffer.alloc(64 * 512);
      for (let at = 0; at < whole.length; at += block.length) {
        const length = whole.copy(block, 0, at);
        yield block.subarray(0, length);
        block.fill("overwritten ");
      }
    };
    const received: CollectedFile[] = [];
    await receiveTar(overwritten(), { directory, listing: listing(files), received });
    expect(received.map(({ path }) => path).toSorted()).toEqual(Object.keys(files).toSorted());
    for (const [name, bytes] of Object.entries(files))
      expect(bytes.equals(await readFile(join(directory, name)))).toBe(true);
  });

  it("refuses bytes that differ from their checksum", async () => {
    const stream = Readable.from([await archive()]);
    const receive = receiveTar(stream, { directory, listing: listing({ ...expected, small: "y" }), received: [] });
    await expect(receive).rejects.toThrow("small came with other bytes than it has in the pod");
  });

  it("compares checksums that come after the bytes, and waits for the last of them", async () => {
    const listed = Promise.withResolvers<void>();
    const files = new Map<string, { sha256: string; sizeBytes: undefined }>();
    const received: CollectedFile[] = [];
    const late = { files, whole: listed.promise };
    const receive = receiveTar(Readable.from([await archive()]), { directory, listing: late, received });
    for (const [path, bytes] of Object.entries(expected))
      files.set(path, { sha256: sha256(bytes), sizeBytes: undefined });
    expect(received).toEqual([]);
    listed.resolve();
    await receive;
    expect(received.map(({ path }) => path).toSorted()).toEqual(["a/big", "small"]);
  });

  it("gives what came whole before the archive broke off, as far as its checksum came too", async () => {
    const whole = await archive();
    const received: CollectedFile[] = [];
    const stream = Readable.from([whole.subarray(0, whole.length - 1024)]);
    const broken = listing({ small: "x" }, Promise.reject(new Error("the connection ended")));
    broken.whole.catch(() => {});
    await expect(receiveTar(stream, { directory, listing: broken, received })).rejects.toThrow();
    expect(received.map(({ path }) => path)).toEqual(["small"]);
  });

  it("refuses an archive that breaks off", async () => {
    const stream = Readable.from([(await archive()).subarray(0, 100_000)]);
    await expect(receiveTar(stream, { directory, listing: listing(expected), received: [] })).rejects.toThrow(
      /Truncated|breaks off/,
    );
  });
});

describe("receiveCat", () => {
  it("cuts the stream by the sizes of the list, however the chunks fall", async () => {
    const bytes = Buffer.concat([expected["a/big"], Buffer.from("x")]);
    const stream = Readable.from([bytes.subarray(0, 10), bytes.subarray(10, 299_999), bytes.subarray(299_999)]);
    const received: CollectedFile[] = [];
    await receiveCat(stream, { directory, listing: listing(expected), received });
    expect(received.length).toBe(2);
    expect(await readFile(join(directory, "small"), "utf8")).toBe("x");
  });

  it.each(["../escape", "/etc/escape", "a/../../escape"])("refuses the path %s", async (path) => {
    const receive = receiveCat(Readable.from([Buffer.from("x")]), {
      directory,
      listing: listing({ [path]: "x" }),
      received: [],
    });
    await expect(receive).rejects.toThrow("which would leave the folder");
  });
});

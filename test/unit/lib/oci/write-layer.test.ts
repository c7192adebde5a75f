import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../../lib/oci/digest.ts";
import { type LayerFile, writeLayer } from "../../../../lib/oci/write-layer.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-layer-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* contents(files: readonly (readonly [LayerFile, string])[]) {
  for (const [file, text] of files) yield { file, bytes: chunksOf(text) };
}

async function* chunksOf(text: string) {
  yield Buffer.from(text);
}

const hello: LayerFile = { path: "a/hello", kind: "file", size: 5 };
const write = (
  files: readonly (readonly [LayerFile, string])[],
  options: { targetDirectory?: string; mtimeSeconds?: number } = {},
) =>
  writeLayer({
    file: join(folder, "layer.tar"),
    targetDirectory: "/src",
    contents: contents(files),
    owner: { uid: 0, gid: 0 },
    mtimeSeconds: 1795189119,
    ...options,
  });

describe("writeLayer", () => {
  it("gives size and digest of what it wrote, which depend on its options alone", async () => {
    const layer = await write([[hello, "hello"]]);
    const bytes = await readFile(join(folder, "layer.tar"));
    expect(layer).toEqual({ digest: digestOf(bytes), size: bytes.length });
    // Two folders, a header and a block of content, two blocks at the end.
    expect(layer.size).toBe(6 * 512);
    expect(await write([[hello, "hello"]])).toEqual(layer);
    // The digest itself is fixed: what changes it makes every source image of every user new.
    expect(layer.digest).toBe("sha256:c2dab7413d709e020e8d033785bc2cae05fcce0c675dd14d92e8163df14f1cc9");
    expect((await write([[hello, "hello"]], { mtimeSeconds: 1 })).digest).not.toBe(layer.digest);
    expect((await write([[hello, "hello"]], { targetDirectory: "/app" })).digest).not.toBe(layer.digest);
  });

  it("refuses a file that changed its size while it was read", async () => {
    await expect(write([[hello, "hello, world"]])).rejects.toMatchObject({ code: "file-changed", retryable: true });
  });
});

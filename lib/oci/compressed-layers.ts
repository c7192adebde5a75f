import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { type CompressedLayer, type CompressionMethod, formatOf } from "./layer-compression.ts";
import type { Descriptor } from "./manifest.ts";

/** What layers became when they were compressed, kept between runs, so that none is compressed twice. It says nothing of what a registry holds. */
export interface CompressedLayers {
  /** What this layer became by one of the methods, the first that is known. */
  find(layer: Descriptor, methods: readonly CompressionMethod[]): CompressedLayer | undefined;
  /** Keeps them beside those of other runs. A folder that cannot be written costs the next push time, nothing else. */
  keep(layers: readonly CompressedLayer[]): Promise<void>;
}

const fileSchema = v.object({
  version: v.literal("gpu-ci compressed layers 1"),
  layers: v.array(v.tuple([v.string(), v.object({ digest: v.string(), size: v.number() })])),
});
type Entry = v.InferOutput<typeof fileSchema>["layers"][number];

/** Of some hundred bytes each; the oldest are forgotten. */
const maxEntries = 2000;

/** Opens what is kept in a folder; a damaged or foreign file counts as empty. */
export async function openCompressedLayers(directory: string): Promise<CompressedLayers> {
  const file = join(directory, "compressed-layers.json");
  const known = new Map(await readEntries(file));
  let writing = Promise.resolve();
  const write = async (added: readonly Entry[]) => {
    // Another job of this machine may have written meanwhile.
    const all = new Map([...(await readEntries(file)), ...added]);
    await writeEntries(directory, file, [...all].slice(-maxEntries)).catch(() => {});
  };
  return {
    find: (layer, methods) => {
      const method = methods.find((name) => known.has(keyOf(layer, name)));
      const entry = method && known.get(keyOf(layer, method));
      return entry && { layer, method, ...entry };
    },
    keep: async (layers) => {
      const added = layers.map(({ layer, method, digest, size }): Entry => [keyOf(layer, method), { digest, size }]);
      for (const [key, entry] of added) known.set(key, entry);
      writing = writing.then(() => write(added));
      await writing;
    },
  };
}

function keyOf({ digest }: Descriptor, method: CompressionMethod): string {
  return `${digest} ${formatOf(method)}`;
}

async function readEntries(file: string): Promise<readonly Entry[]> {
  try {
    return v.parse(fileSchema, JSON.parse(await readFile(file, "utf8"))).layers;
  } catch {
    return [];
  }
}

async function writeEntries(directory: string, file: string, layers: Entry[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  const content: v.InferOutput<typeof fileSchema> = { version: "gpu-ci compressed layers 1", layers };
  await writeFile(temporary, JSON.stringify(content), { mode: 0o600 });
  await rename(temporary, file);
}

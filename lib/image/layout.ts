import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { DomainError } from "../error.ts";

/** What a build left in its OCI image layout. */
export interface BuiltLayout {
  /** Digest of the manifest, or of the index of a build for several platforms. */
  readonly digest: string;
  /** Labels of the first platform's image. */
  readonly labels: Readonly<Record<string, string>>;
  /** Environment of the first platform's image. */
  readonly env: Readonly<Record<string, string>>;
  /** Bytes of all blobs as they lie there, compressed or not. */
  readonly sizeBytes: number;
}

const descriptor = v.object({ digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)) });
const index = v.object({ manifests: v.pipe(v.array(descriptor), v.minLength(1)) });
const manifestOrIndex = v.object({ config: v.optional(descriptor), manifests: v.optional(v.array(descriptor)) });
const config = v.object({
  config: v.optional(
    v.object({ Labels: v.nullish(v.record(v.string(), v.string())), Env: v.nullish(v.array(v.string())) }),
  ),
});

/** Reads a layout that a builder just wrote. Throws DomainError `layout-invalid` when it is none. */
export async function readBuiltLayout(directory: string): Promise<BuiltLayout> {
  try {
    const { manifests } = v.parse(index, JSON.parse(await readFile(join(directory, "index.json"), "utf8")));
    const digest = manifests[0]?.digest ?? "";
    let manifest = v.parse(manifestOrIndex, await readBlob(directory, digest));
    const first = manifest.manifests?.[0];
    if (first) manifest = v.parse(manifestOrIndex, await readBlob(directory, first.digest));
    const image = v.parse(config, manifest.config ? await readBlob(directory, manifest.config.digest) : {});
    const env = Object.fromEntries((image.config?.Env ?? []).map((line) => line.split(/=(.*)/s, 2)));
    return { digest, labels: image.config?.Labels ?? {}, env, sizeBytes: await sizeOfBlobs(directory) };
  } catch (cause) {
    throw new DomainError("layout-invalid", `The builder left no OCI image layout in ${directory}.`, { cause });
  }
}

async function readBlob(directory: string, digest: string): Promise<unknown> {
  return JSON.parse(await readFile(join(directory, "blobs", ...digest.split(":")), "utf8"));
}

async function sizeOfBlobs(directory: string): Promise<number> {
  const folder = join(directory, "blobs", "sha256");
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

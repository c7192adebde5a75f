import { randomBytes } from "node:crypto";
import { glob, mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../lib/log.ts";
import { openLayout } from "../../lib/oci/layout-source.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { writeIndexLayout, writeLayout } from "./image-layout.ts";

export interface DatedImage {
  readonly registry: string;
  readonly repository: string;
  readonly tags: readonly string[];
  /** Age by its own label, in days; undefined for none. */
  readonly days?: number;
  /** Bytes of its layers; default is one of 1000 random ones. */
  readonly layers?: readonly Buffer[];
  /** An index of two platforms instead of one image. */
  readonly index?: boolean;
  /** False for a registry of plain HTTP on another host. */
  readonly tlsVerify?: boolean;
}

/** Pushes an image that says how old it is, and gives its digest. */
export async function pushDatedImage(image: DatedImage): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-dated-"));
  try {
    const { registry, repository, tags, days, layers = [randomBytes(1000)] } = image;
    const created = days === undefined ? {} : { "org.opencontainers.image.created": daysAgo(days).toISOString() };
    const config = { Labels: { ...created, "test.unique": randomBytes(8).toString("hex") } };
    if (image.index) {
      const arm64 = { layers: [randomBytes(1000)], config };
      await writeIndexLayout(folder, { amd64: { layers, config }, arm64 });
    } else await writeLayout(folder, { layers, config });
    using client = openRegistry({ registry, tlsVerify: image.tlsVerify ?? true, env: {}, log: silentLog });
    const source = await openLayout(folder);
    return (await pushImage({ source, client, repository, tags, parallel: 3, log: silentLog })).digest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes all files below a folder look as if nobody had written them for two months. */
export async function ageFiles(folder: string): Promise<void> {
  const then = daysAgo(60);
  for await (const name of glob("**/*", { cwd: folder })) await utimes(join(folder, name), then, then);
}

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * 86_400_000);
}

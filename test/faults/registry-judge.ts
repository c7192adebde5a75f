import { createHash } from "node:crypto";
import type { PushRun } from "./registry-tools.ts";

/** `survived` is the wanted end, or the precise refusal; everything else is a failure of its own kind. */
export type Verdict = "survived" | "failed" | "hang" | "false green" | "false red";

/** Judges a push by what the registry holds afterwards, which is read whole. */
export async function judge(
  run: PushRun,
  stored: { host: string; image: { readonly digest: string } },
  refusal: RegExp | undefined,
): Promise<Verdict> {
  if (run.exitCode === undefined) return "hang";
  const isWhole = await holdsImage(stored.host, stored.image);
  if (run.exitCode === 0) return isWhole ? "survived" : "false green";
  if (refusal?.test(run.output)) return "survived";
  return isWhole ? "false red" : "failed";
}

/** Whether `acme/base:1` is an image, or the one of this digest, whole: not by the code under test, but as any puller would see it, hashed byte by byte. */
export async function holdsImage(host: string, { digest }: { readonly digest?: string } = {}): Promise<boolean> {
  const base = `http://${host}/v2/acme/base`;
  const manifest = await read(`${base}/manifests/1`);
  if (!manifest || (digest !== undefined && digestOf(manifest) !== digest)) return false;
  const { config, layers } = JSON.parse(manifest.toString()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  for (const blob of [config, ...layers]) {
    const bytes = await read(`${base}/blobs/${blob.digest}`);
    if (!bytes || digestOf(bytes) !== blob.digest) return false;
  }
  return true;
}

async function read(url: string): Promise<Buffer | undefined> {
  try {
    const answer = await fetch(url, { headers: { accept: "application/vnd.oci.image.manifest.v1+json" } });
    return answer.ok ? Buffer.from(await answer.arrayBuffer()) : undefined;
  } catch {
    // A truncated blob ends before its announced length.
    return undefined;
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

import pLimit from "p-limit";
import { sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import { retry } from "../retry.ts";
import { formatSize } from "../size.ts";
import { type AssetWork, isSameAsset } from "./compare-assets.ts";
import type { Asset, AssetFile, Release, ReleaseHost } from "./release-host.ts";

// GitHub allows 80 content-creating requests a minute; below that many nothing is slowed down.
const unpacedFiles = 60;
const paceMs = 800;
const parallel = 4;

export interface UploadAssetsOptions {
  readonly host: ReleaseHost;
  readonly overwrite: boolean;
  /** Names that other jobs may have uploaded meanwhile; theirs stays, and the caller looks again. */
  readonly shared: readonly string[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Removes what stands in the way and uploads the files, four at a time. A failed upload is looked at before it is repeated: what it
 * left behind is removed, what is there complete is kept. Throws DomainError `upload-failed` or `asset-differs`.
 */
export async function uploadAssets(release: Release, work: AssetWork, options: UploadAssetsOptions): Promise<void> {
  const { host, log } = options;
  for (const asset of work.remove) {
    log.info(`Removing ${asset.complete ? "outdated" : "broken"} asset ${asset.name}.`);
    await host.deleteAsset(release, asset);
  }
  const paced = work.upload.length > unpacedFiles;
  if (paced)
    log.info(`${work.upload.length} files are paced; about ${Math.ceil((work.upload.length * paceMs) / 60_000)} min.`);
  const limit = pLimit(parallel);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const uploads = work.upload.map((file, index) =>
    limit(async () => {
      signal.throwIfAborted();
      if (paced && index > 0) await sleep(paceMs * parallel, signal);
      await uploadOne(release, file, { ...options, signal });
      log.info(`Uploaded ${file.name}, ${formatSize(file.sizeBytes)}.`);
    }).catch((error: unknown) => {
      // The first failure ends the rest: its error is the one to show, not theirs.
      stop.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(uploads);
  await Promise.all(uploads);
}

async function uploadOne(release: Release, file: AssetFile, options: UploadAssetsOptions): Promise<void> {
  const { host, log, signal } = options;
  await retry(
    async () => {
      const outcome = await host.uploadAsset(release, file);
      if (typeof outcome === "object") refuseRenamed(outcome, file);
      if (typeof outcome === "object" && isSameAsset(outcome, file)) return;
      const existing = typeof outcome === "object" ? outcome : await findAsset(host, release, file);
      if (existing && isSameAsset(existing, file)) return;
      if (outcome === "name-taken" && existing?.complete && options.shared.includes(file.name)) return;
      await clearTheWay(release, existing, file, { ...options, uploadedByUs: typeof outcome === "object" });
      throw new DomainError("upload-failed", `${file.name} could not be uploaded to release ${release.tag}.`, {
        retryable: true,
      });
    },
    {
      attempts: 5,
      baseMs: 500,
      retryable: (error) => error instanceof DomainError && error.code === "upload-failed",
      onRetry: (_error, attempt) => log.warning(`Uploading ${file.name} failed at attempt ${attempt}; trying again.`),
      signal,
    },
  );
}

/** A name that the forge changes could never be found again by the next run. */
function refuseRenamed(asset: Asset, file: AssetFile): void {
  if (asset.name === file.name) return;
  throw new DomainError("asset-renamed", `The forge named ${file.name} ${asset.name}.`, {
    hint: `Rename the file to ${asset.name} before the release, and delete that asset.`,
  });
}

async function findAsset(host: ReleaseHost, release: Release, file: AssetFile): Promise<Asset | undefined> {
  const { assets } = await host.getRelease(release.id);
  return assets.find((asset) => asset.name === file.name);
}

/** Removes an asset that is broken or cut short, or that may be replaced; another one's good asset is left alone. */
async function clearTheWay(
  release: Release,
  existing: Asset | undefined,
  file: AssetFile,
  { host, overwrite, uploadedByUs }: UploadAssetsOptions & { readonly uploadedByUs: boolean },
): Promise<void> {
  if (existing === undefined) return;
  if (existing.complete && !uploadedByUs && !overwrite) {
    throw new DomainError("asset-differs", `Somebody else uploaded another ${file.name} to release ${release.tag}.`, {
      hint: "Two jobs release files of the same name: give them different names.",
    });
  }
  await host.deleteAsset(release, existing);
}

import { DomainError } from "../error.ts";
import type { Asset, AssetFile, Release } from "./release-host.ts";

/** What is left to do so that a release has the files. */
export interface AssetWork {
  readonly upload: readonly AssetFile[];
  /** Broken or outdated assets that stand in the way. */
  readonly remove: readonly Asset[];
}

/** Whether an asset is this file. Where the forge tells no digest, name and size have to do. */
export function isSameAsset(asset: Asset, file: AssetFile): boolean {
  if (!asset.complete || asset.sizeBytes !== file.sizeBytes) return false;
  return asset.digest === undefined || asset.digest === file.digest;
}

/**
 * Compares a release with the files it should have. Throws DomainError `release-immutable` or `asset-differs`, in both cases before
 * anything was changed.
 */
export function compareAssets(
  release: Release,
  files: readonly AssetFile[],
  options: { readonly overwrite: boolean; readonly replaceable: readonly string[] },
): AssetWork {
  const upload = files.filter(
    (file) => !release.assets.some((asset) => asset.name === file.name && isSameAsset(asset, file)),
  );
  if (upload.length > 0 && release.immutable) throw immutable(release, upload);
  const names = new Set(upload.map((file) => file.name));
  const remove = release.assets.filter((asset) => names.has(asset.name));
  const differing = remove.filter((asset) => asset.complete && !options.replaceable.includes(asset.name));
  const [first] = differing;
  if (first && !options.overwrite) throw differs(release, first, files);
  return { upload, remove };
}

function immutable(release: Release, missing: readonly AssetFile[]): DomainError {
  const names = missing.map((file) => file.name).join(", ");
  return new DomainError("release-immutable", `Release ${release.tag} is published and immutable; it lacks ${names}.`, {
    hint: "Nothing was uploaded. Release a new version: the files and tag of an immutable release cannot change.",
  });
}

function differs(release: Release, asset: Asset, files: readonly AssetFile[]): DomainError {
  const file = files.find((candidate) => candidate.name === asset.name);
  const seen = `${asset.sizeBytes} bytes${asset.digest ? `, ${asset.digest}` : ""}`;
  const wanted = file ? `${file.sizeBytes} bytes, ${file.digest}` : "another one";
  return new DomainError(
    "asset-differs",
    `Release ${release.tag} has another ${asset.name}: ${seen}; the file here: ${wanted}.`,
    {
      hint: "Release a new version, or set overwrite: true to replace the asset.",
    },
  );
}

import { createHash } from "node:crypto";
import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import { retry } from "../retry.ts";
import { type Checksums, checksumsName, parseChecksums } from "./checksums.ts";
import { compareAssets, isSameAsset } from "./compare-assets.ts";
import type { AssetFile, Release, ReleaseFields, ReleaseHost } from "./release-host.ts";
import { uploadAssets } from "./upload-assets.ts";

/** A release as it should be. */
export interface ReleasePlan {
  readonly fields: ReleaseFields;
  /** Whether the release stays a draft. */
  readonly draft: boolean;
  readonly overwrite: boolean;
  /** Whether the run was started by the tag itself, which then needs no look-up. */
  readonly tagIsTarget: boolean;
  /** The files, given the checksums that an earlier run left in the release. */
  readonly files: (earlier: Checksums) => Promise<readonly AssetFile[]>;
  /** Called once, when a draft is made or published; never for a release that is complete already. */
  readonly notes: () => Promise<string>;
}

export interface PublishDeps {
  readonly host: ReleaseHost;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** How the release stands at the end. */
export interface PublishedRelease {
  readonly release: Release;
  readonly created: boolean;
  /** Whether this run made it public. */
  readonly publishedNow: boolean;
}

/**
 * Brings a release to what the plan says: draft, upload, verify, publish. Run again it uploads only what lacks. Of several jobs that
 * make one release at once the draft with the lowest id wins, and the others add to it. Throws DomainError.
 */
export async function publishRelease(plan: ReleasePlan, deps: PublishDeps): Promise<PublishedRelease> {
  const steady = { ...plan, notes: memo(plan.notes) };
  for (let round = 1; round <= 4; round++) {
    const opened = await openRelease(steady, deps);
    const completed = await completeRelease(steady, opened, deps);
    if (completed) return { ...completed, created: opened.created };
  }
  throw new DomainError("release-contended", `Release ${plan.fields.tag} kept changing while it was made.`, {
    hint: "Another job makes the same release: let one job do it, or run this one again.",
    retryable: true,
  });
}

interface OpenedRelease {
  readonly release: Release;
  readonly created: boolean;
}

async function openRelease(plan: ReleasePlan, { host, log, signal }: PublishDeps): Promise<OpenedRelease> {
  const { tag, targetCommitish } = plan.fields;
  return retry(
    async () => {
      const existing = leadingRelease(await host.listReleases(tag));
      if (!plan.tagIsTarget) await refuseMovedTag(host, tag, targetCommitish);
      if (existing) return { release: existing, created: false };
      const release = await host.createRelease({ ...plan.fields, body: await plan.notes(), draft: true });
      if (release === "tag-taken") throw contended(tag);
      log.info(`Created draft ${release.url}`);
      return { release, created: true };
    },
    {
      attempts: 3,
      baseMs: 1000,
      retryable: (error) => error instanceof DomainError && error.retryable && error.code !== "rate-limited",
      onRetry: (error) => log.warning(`${(error as Error).message} Trying again.`),
      signal,
    },
  );
}

/** Undefined when another job changed the release meanwhile: the next round goes on from what is there then. */
async function completeRelease(
  plan: ReleasePlan,
  { release, created }: OpenedRelease,
  deps: PublishDeps,
): Promise<Omit<PublishedRelease, "created"> | undefined> {
  const { host, log } = deps;
  const known = await withDigests(host, release);
  const files = await plan.files(known.checksums);
  const work = compareAssets(known.release, files, { overwrite: plan.overwrite, replaceable: [checksumsName] });
  if (work.upload.length === 0 && !release.draft) {
    log.info(`Release ${release.tag} is published and complete; nothing to do.`);
    return { release, publishedNow: false };
  }
  await uploadAssets(release, work, { ...deps, overwrite: plan.overwrite, shared: [checksumsName] });
  const checked = leadingRelease(await host.listReleases(release.tag)) ?? (await host.getRelease(release.id));
  if (checked.id !== release.id) {
    log.warning(`Another job made release ${release.tag} at the same time; adding to its ${checked.url}.`);
    if (created) await host.deleteRelease(release.id);
    return undefined;
  }
  const lacking = listLacking(checked, files);
  if (lacking.length > 0) {
    await removeDamaged(checked, lacking, { uploaded: work.upload, ...deps });
    return undefined;
  }
  if (plan.draft || !checked.draft) return { release: checked, publishedNow: false };
  return publish(plan, { release: checked, created }, deps);
}

async function publish(plan: ReleasePlan, { release, created }: OpenedRelease, { host, log }: PublishDeps) {
  const body = created ? release.body : (await plan.notes()) || release.body;
  const published = await host.updateRelease(release.id, { ...plan.fields, body, draft: false });
  if (published === "tag-taken") return undefined;
  log.info(`Published ${published.url}`);
  return { release: published, publishedNow: true };
}

/** A published release before drafts, then the oldest: every job picks the same one. */
function leadingRelease(releases: readonly Release[]): Release | undefined {
  return releases.toSorted((left, right) => Number(left.draft) - Number(right.draft) || left.id - right.id)[0];
}

/** The SHA-256 of every asset: as the forge tells them, and where it tells none, as an earlier run's SHA256SUMS does. */
async function withDigests(host: ReleaseHost, release: Release): Promise<{ release: Release; checksums: Checksums }> {
  const present = release.assets.filter((asset) => asset.complete);
  const sums = present.find((asset) => asset.name === checksumsName);
  const text = sums && present.some((asset) => asset.digest === undefined) ? await host.readAsset(release, sums) : "";
  const listed = new Map([...parseChecksums(text), [checksumsName, createHash("sha256").update(text).digest("hex")]]);
  const assets = release.assets.map((asset) => {
    const hex = listed.get(asset.name);
    return asset.digest !== undefined || hex === undefined ? asset : { ...asset, digest: `sha256:${hex}` };
  });
  const others = assets.filter((asset) => asset.complete && asset.name !== checksumsName);
  const known = others.flatMap(({ name, digest }): [string, string][] =>
    digest ? [[name, digest.replace("sha256:", "")]] : [],
  );
  return { release: { ...release, assets }, checksums: new Map(known) };
}

function listLacking(release: Release, files: readonly AssetFile[]): readonly AssetFile[] {
  return files.filter((file) => !release.assets.some((asset) => asset.name === file.name && isSameAsset(asset, file)));
}

/**
 * Takes away what this run uploaded and the forge has otherwise, so that the next round uploads it again. The checksums may be
 * another job's. Any other difference is somebody else's work: DomainError `release-incomplete`.
 */
async function removeDamaged(
  release: Release,
  lacking: readonly AssetFile[],
  { host, log, uploaded }: PublishDeps & { readonly uploaded: readonly AssetFile[] },
): Promise<void> {
  const foreign = lacking.filter((file) => file.name !== checksumsName && !uploaded.includes(file));
  if (foreign.length > 0) {
    const names = foreign.map((file) => file.name).join(", ");
    throw new DomainError("release-incomplete", `Release ${release.tag} lost ${names} while it was made.`, {
      hint: "It was not published by this run. Run the job again: it uploads only what lacks.",
      retryable: true,
    });
  }
  const names = new Set(lacking.map((file) => file.name).filter((name) => name !== checksumsName));
  for (const asset of release.assets.filter(({ name }) => names.has(name))) {
    log.warning(`${asset.name} is not in the release as it was uploaded; uploading it again.`);
    await host.deleteAsset(release, asset);
  }
}

async function refuseMovedTag(host: ReleaseHost, tag: string, target: string): Promise<void> {
  const commit = /^[0-9a-f]{40}$/.test(target) ? await host.findTagCommit(tag) : undefined;
  if (commit === undefined || commit === target) return;
  throw new DomainError("tag-moved", `Tag ${tag} is at ${commit}, but this release is for ${target}.`, {
    hint: "A released tag is never moved. Release a new version, or run from the tag.",
  });
}

function contended(tag: string): DomainError {
  return new DomainError("release-contended", `Release ${tag} was made by another job at this moment.`, {
    retryable: true,
  });
}

function memo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

import type { Log } from "../log.ts";
import { readStoredImage, readTags } from "./prune-inventory.ts";
import type { Deletion, PrunePlan } from "./prune-plan.ts";
import { deleteManifest } from "./registry-catalog.ts";
import type { RegistryClient } from "./registry-client.ts";

/** What became of a plan. */
export interface PruneResult {
  readonly deleted: readonly Deletion[];
  /** Left alone, because a tag or an index that the plan did not know of names them by now. */
  readonly spared: readonly Deletion[];
}

/**
 * Deletes what a plan says, one repository after the other. The tags of each are read once more before: an image that was given a new tag
 * since the plan was made, or became part of a new index, stays. Throws DomainError `registry-delete-disabled` before anything is changed.
 */
export async function pruneImages(client: RegistryClient, plan: PrunePlan, log: Log): Promise<PruneResult> {
  const deleted: Deletion[] = [];
  const spared: Deletion[] = [];
  for (const [repository, deletions] of Map.groupBy(plan.deletions, (deletion) => deletion.repository)) {
    const named = await readTags(client, repository);
    const stays = new Set(await readNewParts(client, repository, { plan, digests: [...named.keys()] }));
    for (const deletion of deletions) {
      const { digest, tags, children } = deletion;
      const newTag = named.get(digest)?.find((name) => !tags.includes(name));
      if (newTag !== undefined) {
        log.warning(`${repository}@${digest} stays: it was tagged ${newTag} in the meantime.`);
        for (const name of [digest, ...children]) stays.add(name);
      }
      if (stays.has(digest)) {
        spared.push(deletion);
        continue;
      }
      await deleteManifest(client, repository, digest);
      log.info(`Deleted ${[repository, ...tags].join(" ")} (${digest}).`);
      deleted.push(deletion);
    }
  }
  return { deleted, spared };
}

/** Manifests that images consist of which were tagged after the plan was made. */
async function readNewParts(
  client: RegistryClient,
  repository: string,
  { plan, digests }: { readonly plan: PrunePlan; readonly digests: readonly string[] },
): Promise<readonly string[]> {
  const known = new Set(
    plan.verdicts.filter((verdict) => verdict.repository === repository).map(({ digest }) => digest),
  );
  const parts: string[] = [];
  for (const digest of digests) {
    if (!known.has(digest)) parts.push(...(await readStoredImage(client, repository, digest)).children);
  }
  return parts;
}

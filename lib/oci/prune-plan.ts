import { posix } from "node:path";
import type { Inventory, StoredContent, StoredImage } from "./prune-inventory.ts";
import { type JudgedImage, keepDependents, keyOf, partsOf, type TagVerdict } from "./prune-verdict.ts";

/** Which images may go. An image goes when no rule keeps it; a rule that is undefined keeps nothing. */
export interface PrunePolicy {
  /** The newest images of each repository; releases, and bases that only their inputs' hash names, are counted on their own. */
  readonly keepLast: number | undefined;
  readonly keepDays: number | undefined;
  /** Image tags of the branches that exist. */
  readonly branchTags: ReadonlySet<string>;
  /** Globs of tags. */
  readonly protect: readonly string[];
  /** Keep tags `X.Y.Z` and `vX.Y.Z`. */
  readonly protectVersions: boolean;
  readonly used: UsedImages;
  /** Let images go that no tag names, as far as they are known. */
  readonly untagged: boolean;
  /** Globs of repositories to prune; none stands for all. */
  readonly repositories: readonly string[];
}

/** What pods use, whatever name of the registry they know it by. */
export interface UsedImages {
  readonly digests: ReadonlySet<string>;
  /** `repository:tag`. */
  readonly names: ReadonlySet<string>;
}

/** A manifest to delete, and the tags that go with it. */
export interface Deletion {
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** Manifests that an index names; each is a deletion of its own where nothing else needs it. */
  readonly children: readonly string[];
}

/** A decision about a whole registry; nothing is deleted yet. */
export interface PrunePlan {
  readonly verdicts: readonly TagVerdict[];
  /** An index before the images it names. */
  readonly deletions: readonly Deletion[];
  /** Bytes that no image needs any more afterwards; garbage collection frees them. */
  readonly freedBytes: number;
  readonly keptBytes: number;
}

const dayMs = 86_400_000;
const versionTag = /^v?\d+\.\d+\.\d+$/;
const inputsTag = /^inputs-[0-9a-f]{32}$/;

/**
 * Decides for every tag of the chosen repositories. An image stays with all its tags as long as one of them has to stay, a pod uses it, an index
 * that stays names it, or it is the signature of one that stays.
 */
export function planPrune(inventory: Inventory, policy: PrunePolicy, now: Date): PrunePlan {
  const chosen = inventory.images.filter(({ repository }) => isChosen(repository, policy.repositories));
  const recent = recentDigests(chosen, policy.keepLast);
  const unsure = new Set(chosen.filter(({ damage }) => damage !== undefined).map(({ repository }) => repository));
  const final = keepDependents(
    chosen.map((image) =>
      judgeImage(image, policy, { now, isRecent: recent.has(keyOf(image)), isSure: !unsure.has(image.repository) }),
    ),
  );
  const doomed = new Set(final.filter(({ keep }) => !keep).map(({ image }) => image));
  const kept = inventory.images.filter((image) => !doomed.has(image));
  const staying = new Set(kept.flatMap(partsOf));
  const needed = sizesOf(kept);
  const freed = [...sizesOf([...doomed])].filter(([digest]) => !needed.has(digest));
  return {
    verdicts: final.flatMap(({ verdicts }) => verdicts).toSorted(byName),
    deletions: deletionsOf([...doomed]).filter((deletion) => !staying.has(keyOf(deletion))),
    freedBytes: sum(freed.map(([, size]) => size)),
    keptBytes: sum(needed.values()),
  };
}

interface Moment {
  readonly now: Date;
  readonly isRecent: boolean;
  /** Whether every index of the repository could be read: else nobody knows what an image without a tag is part of. */
  readonly isSure: boolean;
}

function judgeImage(image: StoredImage, policy: PrunePolicy, moment: Moment): JudgedImage {
  const tags = image.tags.length === 0 ? [undefined] : image.tags;
  const reasons = tags.map((tag) => ({ tag, kept: keepReason(image, tag, policy, moment) }));
  const keeper = reasons.find(({ kept }) => kept !== undefined);
  const { repository, digest, createdAt } = image;
  return {
    image,
    keep: keeper !== undefined,
    verdicts: reasons.map(({ tag, kept }) => ({
      repository,
      tag,
      digest,
      createdAt,
      keep: keeper !== undefined,
      why: kept ?? (keeper ? `same image as ${keeper.tag}` : goneReason(image, tag, policy, moment)),
    })),
  };
}

/** Why a tag has to stay; undefined when nothing asks for it. */
function keepReason(
  image: StoredImage,
  tag: string | undefined,
  policy: PrunePolicy,
  { now, isRecent, isSure }: Moment,
): string | undefined {
  const glob = policy.protect.find((pattern) => tag !== undefined && posix.matchesGlob(tag, pattern));
  if (glob !== undefined) return `protected by ${glob}`;
  if (isUsed(image, tag, policy.used)) return "a pod uses it";
  if (image.damage !== undefined) return "cannot be read";
  if (tag !== undefined && policy.protectVersions && versionTag.test(tag)) return "version";
  if (tag !== undefined && policy.branchTags.has(tag)) return "branch exists";
  if (tag === undefined && !policy.untagged) return "no tag, and not asked for";
  if (tag === undefined && !isSure) return "no tag, in a repository that cannot be read whole";
  if (image.createdAt === undefined) return "age unknown";
  const age = ageDays(image.createdAt, now);
  if (policy.keepDays !== undefined && age < policy.keepDays) return daysOld(age);
  if (isRecent) return `among the newest ${policy.keepLast}`;
  return undefined;
}

function goneReason(
  { createdAt }: StoredImage,
  tag: string | undefined,
  { keepLast }: PrunePolicy,
  { now }: Moment,
): string {
  const days = createdAt ? daysOld(ageDays(createdAt, now)) : "age unknown";
  if (tag === undefined) return `${days}, no tag`;
  return keepLast === undefined ? days : `${days}, not among the newest ${keepLast}`;
}

function isUsed({ digest, children, repository }: StoredImage, tag: string | undefined, used: UsedImages): boolean {
  return [digest, ...children].some((name) => used.digests.has(name)) || used.names.has(`${repository}:${tag}`);
}

/** The newest of each kind in each repository: many builds of a branch push out no release, and no base that only its inputs' hash names. */
function recentDigests(images: readonly StoredImage[], keepLast: number | undefined): ReadonlySet<string> {
  const ranked = images.filter(({ tags, createdAt }) => tags.length > 0 && createdAt !== undefined);
  const groups = Map.groupBy(ranked, (image) => `${image.repository} ${kindOf(image)}`);
  const recent = [...groups.values()].flatMap((group) =>
    group.toSorted((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0)).slice(0, keepLast ?? 0),
  );
  return new Set(recent.map(keyOf));
}

function kindOf({ tags }: StoredImage): string {
  if (tags.some((tag) => !versionTag.test(tag) && !inputsTag.test(tag))) return "build";
  return tags.some((tag) => versionTag.test(tag)) ? "release" : "inputs";
}

function deletionsOf(doomed: readonly StoredImage[]): readonly Deletion[] {
  const ordered = doomed.toSorted((a, b) => b.children.length - a.children.length);
  const all: readonly Deletion[] = [
    ...ordered.map(({ repository, digest, tags, children }) => ({ repository, digest, tags, children })),
    ...ordered.flatMap(({ repository, children }) =>
      children.map((digest) => ({ repository, digest, tags: [], children: [] })),
    ),
  ];
  return [...Map.groupBy(all, keyOf).values()].flatMap(([first]) => first ?? []);
}

function isChosen(repository: string, globs: readonly string[]): boolean {
  return globs.length === 0 || globs.some((glob) => posix.matchesGlob(repository, glob));
}

function ageDays(createdAt: Date, now: Date): number {
  return (now.getTime() - createdAt.getTime()) / dayMs;
}

function daysOld(days: number): string {
  const whole = Math.max(0, Math.floor(days));
  return `${whole} ${whole === 1 ? "day" : "days"} old`;
}

function sizesOf(images: readonly StoredImage[]): ReadonlyMap<string, number> {
  const contents: readonly StoredContent[] = images.flatMap(({ content }) => content);
  return new Map(contents.map(({ digest, size }) => [digest, size]));
}

function byName(a: TagVerdict, b: TagVerdict): number {
  return Number(a.keep) - Number(b.keep) || compare(a.repository, b.repository) || compare(a.tag ?? "", b.tag ?? "");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

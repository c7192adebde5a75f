import type { StoredImage } from "./prune-inventory.ts";

/** What becomes of a tag, or of an image without one, and why. */
export interface TagVerdict {
  readonly repository: string;
  /** Undefined for an image that no tag names. */
  readonly tag: string | undefined;
  readonly digest: string;
  readonly createdAt: Date | undefined;
  readonly keep: boolean;
  readonly why: string;
}

/** An image with the verdicts of all its tags, which agree. */
export interface JudgedImage {
  readonly image: StoredImage;
  readonly keep: boolean;
  readonly verdicts: readonly TagVerdict[];
}

/** Keeps what something that stays consists of, and what is a note on it such as a signature, until nothing changes any more. */
export function keepDependents(judged: readonly JudgedImage[]): readonly JudgedImage[] {
  const kept = judged.filter(({ keep }) => keep).map(({ image }) => image);
  const owners = new Map(kept.flatMap((image) => partsOf(image).map((key) => [key, image.tags[0] ?? image.digest])));
  const next = judged.map((verdict) => (verdict.keep ? verdict : keepDependent(verdict, owners)));
  return next.some(({ keep }, at) => keep !== judged[at]?.keep) ? keepDependents(next) : next;
}

/** Names the manifests of an image within the registry, its own first. */
export function partsOf({ repository, digest, children }: StoredImage): string[] {
  return [digest, ...children].map((part) => keyOf({ repository, digest: part }));
}

/** Tells a manifest from the same one in another repository, which is stored and deleted there. */
export function keyOf({ repository, digest }: Pick<StoredImage, "repository" | "digest">): string {
  return `${repository}@${digest}`;
}

function keepDependent(judged: JudgedImage, owners: ReadonlyMap<string, string>): JudgedImage {
  const { image } = judged;
  const subject = subjectOf(image);
  const owner = owners.get(keyOf(image));
  const signed = subject === undefined ? undefined : owners.get(keyOf({ ...image, digest: subject }));
  if (owner === undefined && signed === undefined) return judged;
  const why = owner === undefined ? `note on ${signed}` : `part of ${owner}`;
  return { ...judged, keep: true, verdicts: judged.verdicts.map((verdict) => ({ ...verdict, keep: true, why })) };
}

/** What a signature signs: by its own word, or by the tag that cosign and the referrers' fallback give it. */
function subjectOf({ subject, tags }: StoredImage): string | undefined {
  const named = tags.map((tag) => /^sha256-([0-9a-f]{64})(?:\.\w+)?$/.exec(tag)?.[1]).find(Boolean);
  return subject ?? (named === undefined ? undefined : `sha256:${named}`);
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredImage } from "../../../../lib/oci/prune-inventory.ts";
import { type PrunePolicy, planPrune } from "../../../../lib/oci/prune-plan.ts";

const now = new Date("2026-06-30T12:00:00Z");
const digest = fc.integer({ min: 0, max: 9 }).map((name) => `d${name}`);
const tag = fc.constantFrom("1.0.0", "main", "fix", "nightly", "old", `inputs-${"0".repeat(32)}`);

const image: fc.Arbitrary<StoredImage> = fc.record({
  repository: fc.constantFrom("a/x", "a/y"),
  digest,
  tags: fc.uniqueArray(tag, { maxLength: 3 }),
  createdAt: fc.option(
    fc.integer({ min: 0, max: 60 }).map((days) => new Date(now.getTime() - days * 86_400_000)),
    { nil: undefined },
  ),
  children: fc.uniqueArray(digest, { maxLength: 3 }),
  subject: fc.option(digest, { nil: undefined, freq: 5 }),
  content: fc.array(fc.record({ digest: digest.map((name) => `blob-${name}`), size: fc.constant(10) }), {
    maxLength: 4,
  }),
  damage: fc.option(fc.constant("cut"), { nil: undefined, freq: 8 }),
});

const keyOf = ({ repository, digest: name }: Pick<StoredImage, "repository" | "digest">) => `${repository}@${name}`;
const images = fc.uniqueArray(image, { maxLength: 12, selector: keyOf });

const policy: fc.Arbitrary<PrunePolicy> = fc.record({
  keepLast: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  keepDays: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
  branchTags: fc.uniqueArray(tag, { maxLength: 2 }).map((tags) => new Set(tags)),
  protect: fc.constantFrom<readonly string[]>([], ["night*"]),
  protectVersions: fc.boolean(),
  untagged: fc.boolean(),
  used: fc
    .uniqueArray(digest, { maxLength: 2 })
    .map((digests) => ({ digests: new Set(digests), names: new Set<string>() })),
  repositories: fc.constantFrom<readonly string[]>([], ["a/x"]),
});

describe("planPrune, whatever a registry holds and whatever is asked", () => {
  it("deletes nothing that an image which stays consists of, nothing that a pod uses, and nothing outside of what was chosen", () => {
    fc.assert(
      fc.property(images, policy, (stored, rules) => {
        const { deletions } = planPrune({ repositories: [], images: stored }, rules, now);
        const deleted = new Set(deletions.map(keyOf));
        expect(deleted.size).toBe(deletions.length);
        const staying = stored.filter((candidate) => !deleted.has(keyOf(candidate)));
        const needed = staying.flatMap(({ repository, children }) => children.map((child) => `${repository}@${child}`));
        expect(needed.filter((key) => deleted.has(key))).toEqual([]);
        expect(deletions.filter(({ digest: name }) => rules.used.digests.has(name))).toEqual([]);
        if (rules.repositories.length > 0)
          expect(deletions.filter(({ repository }) => repository !== "a/x")).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("says of each tag what happens to it, and counts no blob as free that an image which stays needs", () => {
    fc.assert(
      fc.property(images, policy, (stored, rules) => {
        const { verdicts, deletions, freedBytes, keptBytes } = planPrune(
          { repositories: [], images: stored },
          rules,
          now,
        );
        const deleted = new Set(deletions.map(keyOf));
        expect(verdicts.filter((verdict) => verdict.keep === deleted.has(keyOf(verdict)))).toEqual([]);
        const blobs = (some: readonly StoredImage[]) =>
          new Set(some.flatMap(({ content }) => content.map((blob) => blob.digest)));
        const kept = blobs(stored.filter((candidate) => !deleted.has(keyOf(candidate))));
        expect([keptBytes, keptBytes + freedBytes]).toEqual([kept.size * 10, blobs(stored).size * 10]);
      }),
      { numRuns: 500 },
    );
  });
});

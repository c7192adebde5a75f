import { describe, expect, it } from "vitest";
import type { StoredImage } from "../../../../lib/oci/prune-inventory.ts";
import { type PrunePolicy, planPrune } from "../../../../lib/oci/prune-plan.ts";

const now = new Date("2026-06-30T12:00:00Z");
const hash = "0123456789abcdef0123456789abcdef";

function policy(changes: Partial<PrunePolicy> = {}): PrunePolicy {
  return {
    keepLast: 0,
    keepDays: 10,
    branchTags: new Set(),
    protect: [],
    protectVersions: true,
    untagged: false,
    used: { digests: new Set(), names: new Set() },
    repositories: [],
    ...changes,
  };
}

/** An image whose digest is its name and whose only content is a layer of its own, 100 bytes. */
function image(digest: string, days: number | undefined, tags: readonly string[], more: Partial<StoredImage> = {}) {
  return {
    repository: "acme/app",
    digest,
    tags,
    createdAt: days === undefined ? undefined : new Date(now.getTime() - days * 86_400_000),
    children: [],
    subject: undefined,
    content: [{ digest: `layer-${digest}`, size: 100 }],
    damage: undefined,
    ...more,
  };
}

function decide(images: readonly StoredImage[], changes: Partial<PrunePolicy> = {}): Record<string, string> {
  const { verdicts } = planPrune({ repositories: [], images }, policy(changes), now);
  return Object.fromEntries(
    verdicts.map(({ tag, digest, keep, why }) => [tag ?? digest, `${keep ? "stays" : "goes"}: ${why}`]),
  );
}

const old = 30;

describe("planPrune", () => {
  it.each<[string, StoredImage, Partial<PrunePolicy>, string]>([
    ["an old image goes", image("a", old, ["x"]), {}, "goes: 30 days old, not among the newest 0"],
    ["age alone decides", image("a", old, ["x"]), { keepLast: undefined }, "goes: 30 days old"],
    ["a young one stays", image("a", 9.5, ["x"]), {}, "stays: 9 days old"],
    ["the day itself is old enough", image("a", 10, ["x"]), {}, "goes: 10 days old, not among the newest 0"],
    ["a time in the future is young", image("a", -3, ["x"]), {}, "stays: 0 days old"],
    ["count alone decides", image("a", 1, ["x"]), { keepDays: undefined }, "goes: 1 day old, not among the newest 0"],
    ["the newest stay", image("a", old, ["x"]), { keepLast: 1 }, "stays: among the newest 1"],
    ["an unknown age stays", image("a", undefined, ["x"]), {}, "stays: age unknown"],
    ["a version stays", image("a", old, ["1.2.3"]), {}, "stays: version"],
    ["a version with v stays", image("a", old, ["v1.2.3"]), {}, "stays: version"],
    ["a prerelease is no version", image("a", old, ["1.2.3-x.1"]), {}, "goes: 30 days old, not among the newest 0"],
    [
      "versions may go when told",
      image("a", old, ["1.2.3"]),
      { protectVersions: false },
      "goes: 30 days old, not among the newest 0",
    ],
    ["a living branch stays", image("a", old, ["fix-1"]), { branchTags: new Set(["fix-1"]) }, "stays: branch exists"],
    [
      "a dead branch goes",
      image("a", old, ["fix-1"]),
      { branchTags: new Set(["main"]) },
      "goes: 30 days old, not among the newest 0",
    ],
    ["a protected glob stays", image("a", old, ["release-7"]), { protect: ["rel*"] }, "stays: protected by rel*"],
    [
      "a pod's digest stays",
      image("a", old, ["x"]),
      { used: { digests: new Set(["a"]), names: new Set() } },
      "stays: a pod uses it",
    ],
    [
      "a pod's name stays",
      image("a", old, ["x"]),
      { used: { digests: new Set(), names: new Set(["acme/app:x"]) } },
      "stays: a pod uses it",
    ],
    [
      "a pod's platform stays",
      image("a", old, ["x"], { children: ["c"] }),
      { used: { digests: new Set(["c"]), names: new Set() } },
      "stays: a pod uses it",
    ],
    ["what cannot be read stays", image("a", old, ["x"], { damage: "no manifest" }), {}, "stays: cannot be read"],
    [
      "a base that only its hash names is counted",
      image("a", old, [`inputs-${hash}`]),
      { keepLast: 1 },
      "stays: among the newest 1",
    ],
  ])("%s", (_name, stored, changes, expected) => {
    expect(Object.values(decide([stored], changes))).toEqual([expected]);
  });

  it("keeps every tag of an image of which one has to stay, input hashes included", () => {
    expect(decide([image("a", old, ["1.2.3", "main", `inputs-${hash}`])])).toEqual({
      "1.2.3": "stays: version",
      main: "stays: same image as 1.2.3",
      [`inputs-${hash}`]: "stays: same image as 1.2.3",
    });
  });

  it("counts builds, releases and bases without a name on their own in each repository", () => {
    const images = [
      image("a", 1, ["1.0.0"]),
      image("b", 2, ["1.0.1", `inputs-${hash}`]),
      image("c", 3, [`inputs-${hash}`]),
      image("d", 4, [`inputs-${"f".repeat(32)}`]),
      image("e", 20, ["e"]),
      image("f", 40, ["f", "0.9.0"]),
      image("g", 90, ["g"], { repository: "acme/other" }),
    ];
    const rules = policy({ keepLast: 1, keepDays: undefined, protectVersions: false });
    const { deletions } = planPrune({ repositories: [], images }, rules, now);
    expect(deletions.map(({ digest }) => digest)).toEqual(["b", "d", "f"]);
  });

  it("touches only the repositories that were chosen", () => {
    const images = [image("a", old, ["a"]), image("b", old, ["b"], { repository: "team/x/tool" })];
    expect(decide(images, { repositories: ["team/**"] })).toEqual({ b: "goes: 30 days old, not among the newest 0" });
  });

  it("deletes an index with its platforms, but not what a kept index or tag needs", () => {
    const images = [
      image("arm", old, ["1-arm"]),
      image("index-old", old, ["old"], { children: ["amd-old", "shared", "tagged"] }),
      image("index-new", 1, ["new"], { children: ["shared", "arm"] }),
      image("tagged", old, ["9.9.9"]),
    ];
    const plan = planPrune({ repositories: [], images }, policy(), now);
    expect(plan.deletions.map(({ digest, tags }) => [digest, ...tags])).toEqual([["index-old", "old"], ["amd-old"]]);
    expect(plan.verdicts.find(({ tag }) => tag === "1-arm")?.why).toBe("part of new");
  });

  it("names a platform that has a tag of its own once, after its index", () => {
    const images = [image("arm", old, ["arm"]), image("index", old, ["all"], { children: ["arm"] })];
    const { deletions } = planPrune({ repositories: [], images }, policy(), now);
    expect(deletions.map(({ digest, tags }) => [digest, tags])).toEqual([
      ["index", ["all"]],
      ["arm", ["arm"]],
    ]);
  });

  it("lets an image without a tag go only when told so and when its repository could be read whole", () => {
    const image0 = image("a", old, []);
    expect(decide([image0])).toEqual({ a: "stays: no tag, and not asked for" });
    expect(decide([image0], { untagged: true, keepLast: 5 })).toEqual({ a: "goes: 30 days old, no tag" });
    expect(decide([image("a", 2, [])], { untagged: true })).toEqual({ a: "stays: 2 days old" });
    const broken = image("b", old, ["index"], { damage: "cut" });
    expect(decide([image0, broken], { untagged: true })).toEqual({
      a: "stays: no tag, in a repository that cannot be read whole",
      index: "stays: cannot be read",
    });
  });

  it("keeps a signature as long as what it signs, by its subject or by its tag", () => {
    const hex = "a".repeat(64);
    const images = [
      image(`sha256:${hex}`, old, ["1.0.0"]),
      image("by-tag", old, [`sha256-${hex}.sig`]),
      image("by-subject", old, ["note"], { subject: `sha256:${hex}` }),
      image("of-another", old, [`sha256-${"b".repeat(64)}.sig`]),
      image("of-a-signature", old, ["second"], { subject: "by-tag" }),
    ];
    expect(decide(images)).toMatchObject({
      [`sha256-${hex}.sig`]: "stays: note on 1.0.0",
      note: "stays: note on 1.0.0",
      second: `stays: note on sha256-${hex}.sig`,
      [`sha256-${"b".repeat(64)}.sig`]: "goes: 30 days old, not among the newest 0",
    });
  });

  it("counts as free only what no image of the whole registry needs any more", () => {
    const common = { digest: "base", size: 1000 };
    const images = [
      image("a", old, ["a"], { content: [common, { digest: "own", size: 7 }, { digest: "twice", size: 5 }] }),
      image("b", old, ["b"], { content: [{ digest: "twice", size: 5 }] }),
      image("c", old, ["c"], { repository: "other", content: [common] }),
    ];
    const plan = planPrune({ repositories: [], images }, policy({ repositories: ["acme/*"] }), now);
    expect([plan.freedBytes, plan.keptBytes]).toEqual([12, 1000]);
  });
});

import { describe, expect, it } from "vitest";
import { decide } from "../../../../actions/build-base-image/decide.ts";
import type { Published } from "../../../../lib/image/published-image.ts";

const digest = `sha256:${"a".repeat(64)}`;
const asked = { name: "localhost:32000/team/base", version: "1.0.0", file: "Dockerfile_base" };
const build = { digest: undefined, tags: ["version", "inputs"], warnings: [] };
const moved: Published = { kind: "bases-moved", moved: ["debian:12: sha256:1 before, sha256:2 now"] };
const changed: Published = { kind: "changed", digest, hash: "b".repeat(64) };

describe("whether to build", () => {
  it("takes what was made from the same inputs, also when it may never build", () => {
    const current: Published = { kind: "current", digest };
    expect(decide({ ...asked, published: current, rebuild: "auto" })).toEqual({ ...build, digest, tags: ["inputs"] });
    expect(decide({ ...asked, published: current, rebuild: "never" })).toEqual({ ...build, digest, tags: ["inputs"] });
  });

  it("builds what does not exist, unless it may not", () => {
    expect(decide({ ...asked, published: { kind: "absent" }, rebuild: "auto" })).toEqual(build);
    expect(() => decide({ ...asked, published: { kind: "absent" }, rebuild: "never" })).toThrow(
      "localhost:32000/team/base has no image of these inputs and no version 1.0.0, and rebuild is never.",
    );
  });

  it("uses what exists when only its base images cannot be compared, and says so", () => {
    const decision = decide({ ...asked, published: { kind: "bases-unknown", digest }, rebuild: "auto" });
    expect(decision).toEqual({
      digest,
      tags: [],
      warnings: [expect.stringContaining("could not be compared")],
    });
  });

  it("builds again when a base image moved, names it, and leaves the version alone", () => {
    const { warnings, ...decision } = decide({ ...asked, published: moved, rebuild: "auto" });
    expect(decision).toEqual({ digest: undefined, tags: ["inputs"] });
    expect(warnings.join("\n")).toContain("debian:12: sha256:1 before, sha256:2 now");
    expect(() => decide({ ...asked, published: moved, rebuild: "never" })).toThrow("was made from older base images");
  });

  it("never overwrites a version made from other inputs or by somebody else", () => {
    expect(() => decide({ ...asked, published: changed, rebuild: "auto" })).toThrow(
      "localhost:32000/team/base:1.0.0 exists and was made from other inputs than Dockerfile_base has now",
    );
    const foreign: Published = { kind: "changed", digest, hash: undefined };
    expect(() => decide({ ...asked, published: foreign, rebuild: "auto" })).toThrow(
      "does not say what it was made from",
    );
  });
});

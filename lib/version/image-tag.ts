import { createHash } from "node:crypto";

const tagLimit = 128;
const labelLimit = 63;

/**
 * The image tag of a branch, the one rule of the whole product: lower case, runs of other characters than `[a-z0-9.]` become `-`,
 * letters or digits at both ends, at most 128 characters. A longer one keeps 119 and gets 8 hex of the branch's sha256.
 */
export function imageTagOfBranch(branch: string): string {
  return shorten(slugOf(branch), branch, tagLimit);
}

/** The Kubernetes namespace of a branch: `gpu-ci-` and the image tag's rule with `-` for `.`, at most 63 characters. */
export function namespaceOfBranch(branch: string): string {
  return shorten(`gpu-ci-${slugOf(branch).replaceAll(".", "-")}`, branch, labelLimit);
}

/**
 * The image tag of a version: lower case and without build metadata, whose `+` no tag may hold. A version over 128 characters is
 * cut like a branch.
 */
export function imageTagOfVersion(version: string): string {
  return shorten(version.replace(/\+.*$/, "").toLowerCase(), version, tagLimit);
}

/** Eight hex digits that tell long or unprintable names apart. */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

function slugOf(branch: string): string {
  const slug = branch
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .replace(/[^a-z0-9]+$/, "");
  return slug || `b-${shortHash(branch)}`;
}

function shorten(slug: string, source: string, limit: number): string {
  return slug.length <= limit ? slug : `${slug.slice(0, limit - 9)}-${shortHash(source)}`;
}

import * as v from "valibot";
import { DomainError } from "../error.ts";
import type { Asset, Release } from "./release-host.ts";

const assetSchema = v.object({
  id: v.number(),
  name: v.string(),
  size: v.number(),
  browser_download_url: v.string(),
  // GitHub only; its `state` is `starter` for what an interrupted upload left behind, which its description does not list.
  digest: v.nullish(v.string()),
  state: v.optional(v.string()),
});

const releaseSchema = v.object({
  id: v.number(),
  html_url: v.string(),
  upload_url: v.string(),
  tag_name: v.string(),
  draft: v.boolean(),
  prerelease: v.boolean(),
  immutable: v.optional(v.boolean()),
  body: v.nullish(v.string()),
  assets: v.nullish(v.array(assetSchema)),
});

/** Reads a release out of an API's answer, GitHub's or Gitea's. Throws DomainError `unexpected-answer`. */
export function parseRelease(data: unknown): Release {
  const release = read(releaseSchema, data, "a release");
  return {
    id: release.id,
    url: release.html_url,
    tag: release.tag_name,
    draft: release.draft,
    prerelease: release.prerelease,
    immutable: release.immutable ?? false,
    body: release.body ?? "",
    assets: (release.assets ?? []).map(toAsset),
    uploadUrl: release.upload_url.replace(/\{.*$/, ""),
  };
}

/** Reads a list of releases out of an API's answer. Throws DomainError `unexpected-answer`. */
export function parseReleases(data: unknown): readonly Release[] {
  return read(v.array(v.unknown()), data, "a list of releases").map(parseRelease);
}

/** Reads an uploaded asset out of an API's answer. Throws DomainError `unexpected-answer`. */
export function parseAsset(data: unknown): Asset {
  return toAsset(read(assetSchema, data, "an asset"));
}

/** Reads any part of an answer; `what` names it in the DomainError `unexpected-answer`. */
export function read<T>(schema: v.GenericSchema<unknown, T>, data: unknown, what: string): T {
  const parsed = v.safeParse(schema, data);
  if (parsed.success) return parsed.output;
  const got = typeof data === "string" ? "text that is no JSON" : "JSON of another shape";
  throw new DomainError("unexpected-answer", `The API was asked for ${what} and answered with ${got}.`, {
    hint: "Something between this machine and the forge may answer in its place: check GITHUB_API_URL and proxies.",
    retryable: true,
  });
}

function toAsset(asset: v.InferOutput<typeof assetSchema>): Asset {
  return {
    id: asset.id,
    name: asset.name,
    sizeBytes: asset.size,
    digest: asset.digest ?? undefined,
    complete: asset.state === undefined || asset.state === "uploaded",
    url: asset.browser_download_url,
  };
}

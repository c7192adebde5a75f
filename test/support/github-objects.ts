/** An asset as the emulator keeps it. */
export interface StoredAsset {
  id: number;
  name: string;
  state: "uploaded" | "open" | "starter";
  size: number;
  digest: string | null;
  bytes: Buffer;
}

/** A release as the emulator keeps it, under the names of GitHub's API. */
export interface StoredRelease {
  id: number;
  tag_name: string;
  target_commitish: string;
  name: string;
  body: string;
  draft: boolean;
  prerelease: boolean;
  immutable: boolean;
  make_latest: string | undefined;
  assets: StoredAsset[];
}

const time = "2026-11-20T12:00:00Z";

/** A release in the shape of GitHub's answers. */
export function answerRelease(release: StoredRelease, origin: string): object {
  const { make_latest: _latest, assets, ...fields } = release;
  const url = `${origin}/repos/ada/vector-add/releases/${release.id}`;
  return {
    ...fields,
    url,
    html_url: `${origin}/ada/vector-add/releases/tag/${release.draft ? `untagged-${release.id}` : release.tag_name}`,
    assets_url: `${url}/assets`,
    upload_url: `${url}/assets{?name,label}`,
    tarball_url: null,
    zipball_url: null,
    node_id: `RE_${release.id}`,
    created_at: time,
    published_at: release.draft ? null : time,
    author: user(origin),
    assets: assets.map((asset) => answerAsset(asset, origin)),
  };
}

/** An asset in the shape of GitHub's answers. */
export function answerAsset({ bytes: _bytes, ...asset }: StoredAsset, origin: string): object {
  return {
    ...asset,
    url: `${origin}/repos/ada/vector-add/releases/assets/${asset.id}`,
    browser_download_url: `${origin}/ada/vector-add/releases/download/${asset.id}/${asset.name}`,
    node_id: `RA_${asset.id}`,
    label: "",
    content_type: "application/octet-stream",
    download_count: 0,
    created_at: time,
    updated_at: time,
    uploader: user(origin),
  };
}

function user(origin: string): object {
  const url = `${origin}/users/ada`;
  const links = [
    "followers",
    "following",
    "gists",
    "starred",
    "subscriptions",
    "organizations",
    "repos",
    "events",
    "received_events",
  ];
  return {
    login: "ada",
    id: 1,
    node_id: "U_1",
    avatar_url: `${origin}/avatars/1`,
    gravatar_id: "",
    url,
    html_url: `${origin}/ada`,
    ...Object.fromEntries(links.map((name) => [`${name}_url`, `${url}/${name}`])),
    type: "User",
    site_admin: false,
  };
}

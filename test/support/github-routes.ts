import { createHash } from "node:crypto";
import { answerAsset, answerRelease, type StoredAsset, type StoredRelease } from "./github-objects.ts";

/** The repository that the emulator knows. */
export const repository = "ada/vector-add";

/** State of the emulated repository; tests read and change it. */
export interface GithubState {
  releases: StoredRelease[];
  /** Commit by tag name. */
  tags: Map<string, string>;
  workflows: Set<string>;
  dispatched: { workflow: string; ref: string; inputs: unknown }[];
  /** Whether publishing makes a release immutable. */
  immutable: boolean;
  /** Tags that an immutable release had. */
  burnt: Set<string>;
  /** Every call: `METHOD path` below the repository. */
  calls: string[];
}

/** Fields of a JSON body. */
export interface CallBody {
  tag_name?: string;
  target_commitish?: string;
  name?: string;
  body?: string;
  draft?: boolean;
  prerelease?: boolean;
  make_latest?: string;
  previous_tag_name?: string;
  ref?: string;
  inputs?: object;
}

/** A call, its path below the repository. */
export type Call = {
  method: string;
  path: string;
  query: URLSearchParams;
  bytes: Buffer;
  /** The fields of GitHub's description that the emulator reads; its check holds them to their types. */
  body: CallBody;
  origin: string;
};

/** What a call is answered with. */
export type Answer = { status: number; body?: unknown; headers?: Record<string, string> };

/** The answer to a call without a good token. */
export function unauthorized(): Answer {
  return { status: 401, body: { message: "Bad credentials", documentation_url: "https://docs.github.com/rest" } };
}

const routes: readonly [RegExp, (call: Call, state: GithubState, match: RegExpExecArray) => Answer][] = [
  [/^GET \/releases$/, (call, state) => list(call, state)],
  [/^POST \/releases$/, (call, state) => create(call, state)],
  [/^POST \/releases\/generate-notes$/, (call) => notes(call)],
  [
    /^GET \/releases\/(\d+)$/,
    (call, state, match) => withRelease(call, state, match, (release) => shown(release, call)),
  ],
  [
    /^PATCH \/releases\/(\d+)$/,
    (call, state, match) => withRelease(call, state, match, (release) => update(release, call, state)),
  ],
  [
    /^DELETE \/releases\/(\d+)$/,
    (call, state, match) => withRelease(call, state, match, (release) => remove(release, state)),
  ],
  [
    /^POST \/releases\/(\d+)\/assets$/,
    (call, state, match) => withRelease(call, state, match, (release) => upload(release, call, state)),
  ],
  [/^DELETE \/releases\/assets\/(\d+)$/, (_call, state, match) => removeAsset(Number(match[1]), state)],
  [/^GET \/git\/ref\/tags\/(.+)$/, (call, state, match) => tagRef(call, state, match[1] ?? "")],
  [/^POST \/actions\/workflows\/([^/]+)\/dispatches$/, (call, state, match) => dispatch(call, state, match[1] ?? "")],
];

/** Does what a call asks for. */
export function route(call: Call, state: GithubState): Answer {
  for (const [pattern, handle] of routes) {
    const match = pattern.exec(`${call.method} ${call.path}`);
    if (match) return handle(call, state, match);
  }
  return notFound();
}

function notFound(): Answer {
  return {
    status: 404,
    body: { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" },
  };
}

function invalid(field: string, code: string, message = "Validation Failed"): Answer {
  const errors = [{ resource: "Release", field, code, message: code === "custom" ? message : `${field} ${code}` }];
  return { status: 422, body: { message, documentation_url: "https://docs.github.com/rest", errors } };
}

function list({ query, origin }: Call, { releases }: GithubState): Answer {
  const size = Number(query.get("per_page") ?? 30);
  const start = (Number(query.get("page") ?? 1) - 1) * size;
  const page = releases.toSorted((left, right) => right.id - left.id).slice(start, start + size);
  return { status: 200, body: page.map((release) => answerRelease(release, origin)) };
}

function create({ body, origin }: Call, state: GithubState): Answer {
  const tag = body.tag_name ?? "";
  if (state.burnt.has(tag)) return invalid("tag_name", "custom", "tag_name was used by an immutable release");
  const draft = body.draft === true;
  const taken = state.releases.some((release) => release.tag_name === tag && !release.draft);
  if (taken && !draft) return invalid("tag_name", "already_exists");
  const release: StoredRelease = {
    id: 1 + Math.max(0, ...state.releases.map(({ id }) => id)),
    tag_name: tag,
    target_commitish: body.target_commitish ?? "main",
    name: body.name ?? "",
    body: body.body ?? "",
    draft,
    prerelease: body.prerelease === true,
    immutable: false,
    make_latest: undefined,
    assets: [],
  };
  state.releases.push(release);
  if (!draft) publish(release, state);
  return { status: 201, body: answerRelease(release, origin) };
}

function publish(release: StoredRelease, state: GithubState): void {
  release.draft = false;
  release.immutable = state.immutable;
  if (state.immutable) state.burnt.add(release.tag_name);
  if (!state.tags.has(release.tag_name)) state.tags.set(release.tag_name, release.target_commitish);
}

function update(release: StoredRelease, { body, origin }: Call, state: GithubState): Answer {
  const others = state.releases.filter((other) => other.id !== release.id && !other.draft);
  if (body.draft === false && others.some((other) => other.tag_name === body.tag_name))
    return invalid("tag_name", "already_exists");
  const { draft, ...fields } = body;
  Object.assign(release, fields);
  if (draft === false) publish(release, state);
  return { status: 200, body: answerRelease(release, origin) };
}

function remove(release: StoredRelease, state: GithubState): Answer {
  state.releases = state.releases.filter((other) => other.id !== release.id);
  return { status: 204 };
}

function upload(release: StoredRelease, { query, bytes, origin }: Call, state: GithubState): Answer {
  const name = query.get("name") ?? "";
  if (release.immutable) return { status: 422, body: { message: "Cannot upload assets to an immutable release." } };
  if (release.assets.some((asset) => asset.name === name)) return invalid("name", "already_exists");
  const ids = state.releases.flatMap((other) => other.assets.map((asset) => asset.id));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const asset: StoredAsset = {
    id: 1 + Math.max(1000, ...ids),
    name,
    state: "uploaded",
    size: bytes.length,
    digest,
    bytes,
  };
  release.assets.push(asset);
  return { status: 201, body: answerAsset(asset, origin) };
}

function removeAsset(id: number, { releases }: GithubState): Answer {
  const release = releases.find(({ assets }) => assets.some((asset) => asset.id === id));
  if (!release) return notFound();
  release.assets = release.assets.filter((asset) => asset.id !== id);
  return { status: 204 };
}

function withRelease(
  _call: Call,
  { releases }: GithubState,
  match: RegExpExecArray,
  then: (release: StoredRelease) => Answer,
) {
  const release = releases.find(({ id }) => id === Number(match[1]));
  return release ? then(release) : notFound();
}

function shown(release: StoredRelease, { origin }: Call): Answer {
  return { status: 200, body: answerRelease(release, origin) };
}

function notes({ body }: Call): Answer {
  const since = body.previous_tag_name ? ` since ${body.previous_tag_name}` : "";
  return { status: 200, body: { name: body.tag_name ?? "", body: `## What's Changed${since}\n* everything` } };
}

function tagRef({ origin }: Call, { tags }: GithubState, tag: string): Answer {
  const sha = tags.get(tag);
  if (sha === undefined) return notFound();
  const url = `${origin}/repos/${repository}/git`;
  const object = { type: "commit", sha, url: `${url}/commits/${sha}` };
  return { status: 200, body: { ref: `refs/tags/${tag}`, node_id: "R", url: `${url}/refs/tags/${tag}`, object } };
}

function dispatch({ body }: Call, { workflows, dispatched }: GithubState, workflow: string): Answer {
  if (!workflows.has(workflow)) return notFound();
  dispatched.push({ workflow, ref: body.ref ?? "", inputs: body.inputs ?? {} });
  return { status: 204 };
}

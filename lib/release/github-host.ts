import * as v from "valibot";
import { DomainError } from "../error.ts";
import { type ForgeAnswer, type ForgeApi, refusedAnswer } from "./forge-api.ts";
import { formatApiMessage } from "./refusal.ts";
import { parseRelease, parseReleases, read } from "./release-answer.ts";
import type { Release, ReleaseFields, ReleaseHost } from "./release-host.ts";
import { uploadAssetTo } from "./upload-asset.ts";

const reads = { permission: "contents: read" };
const writes = { permission: "contents: write" };
const perPage = 100;
const objectSchema = v.object({ object: v.object({ type: v.string(), sha: v.string() }) });

/** Releases on github.com and GitHub Enterprise Server. */
export function githubHost(api: ForgeApi): ReleaseHost {
  return {
    forge: "GitHub",
    listReleases: (tag) => listReleases(api, tag),
    getRelease: async (id) => parseRelease((await api.request("GET /releases/{id}", { id }, reads)).data),
    createRelease: async (fields) => {
      // Sent once: a repeated one could leave a second draft. Whoever calls looks for the draft before the next try.
      const options = { ...writes, accept: [422], once: true };
      return releaseOrRefusal(await api.request("POST /releases", toBody(fields), options), fields);
    },
    updateRelease: async (id, fields) => {
      const options = { ...writes, accept: [422] };
      return releaseOrRefusal(await api.request("PATCH /releases/{id}", { id, ...toBody(fields) }, options), fields);
    },
    deleteRelease: async (id) => {
      await api.request("DELETE /releases/{id}", { id }, { ...writes, accept: [404] });
    },
    uploadAsset: (release, file) => {
      const url = new URL(release.uploadUrl);
      url.searchParams.set("name", file.name);
      return uploadAssetTo(api, url, file);
    },
    deleteAsset: async (_release, asset) => {
      await api.request("DELETE /releases/assets/{id}", { id: asset.id }, { ...writes, accept: [404] });
    },
    readAsset: async (_release, asset) => {
      const headers = { accept: "application/octet-stream" };
      const { data } = await api.request("GET /releases/assets/{id}", { id: asset.id, headers }, reads);
      return toText(data);
    },
    findTagCommit: (tag) => findTagCommit(api, tag),
    generateNotes: (tag, targetCommitish, previousTag) => generateNotes(api, { tag, targetCommitish, previousTag }),
    startWorkflow: (workflow, ref, inputs) => startWorkflow(api, workflow, { ref, inputs }),
  };
}

async function generateNotes(
  api: ForgeApi,
  wanted: { readonly tag: string; readonly targetCommitish: string; readonly previousTag: string | undefined },
): Promise<string> {
  const previous = wanted.previousTag === undefined ? {} : { previous_tag_name: wanted.previousTag };
  const parameters = { tag_name: wanted.tag, target_commitish: wanted.targetCommitish, ...previous };
  const { data } = await api.request("POST /releases/generate-notes", parameters, writes);
  return read(v.object({ body: v.string() }), data, "generated notes").body;
}

async function startWorkflow(
  api: ForgeApi,
  workflow: string,
  { ref, inputs }: { readonly ref: string; readonly inputs: Readonly<Record<string, string>> },
): Promise<void> {
  const parameters = { workflow, ref, ...(Object.keys(inputs).length > 0 && { inputs }) };
  const options = { permission: "actions: write", once: true, accept: [404] };
  const answer = await api.request("POST /actions/workflows/{workflow}/dispatches", parameters, options);
  if (answer.status === 404) throw workflowMissing(workflow, api.repository);
}

/** Drafts are found in the list only: asking by tag gives published releases. */
async function listReleases(api: ForgeApi, tag: string): Promise<readonly Release[]> {
  const found: Release[] = [];
  for (let page = 1; page <= 10; page++) {
    const { data } = await api.request("GET /releases", { per_page: perPage, page }, reads);
    const releases = parseReleases(data);
    found.push(...releases.filter((release) => release.tag === tag));
    if (releases.length < perPage) break;
  }
  return found;
}

async function findTagCommit(api: ForgeApi, tag: string): Promise<string | undefined> {
  const answer = await api.request(
    "GET /git/ref/{+ref}",
    { ref: `tags/${encodeURI(tag)}` },
    { ...reads, accept: [404, 409] },
  );
  if (answer.status >= 400) return undefined;
  const { object } = read(objectSchema, answer.data, "a tag");
  if (object.type !== "tag") return object.sha;
  const annotated = await api.request("GET /git/tags/{sha}", { sha: object.sha }, reads);
  return read(objectSchema, annotated.data, "an annotated tag").object.sha;
}

function toBody({ tag, name, body, draft, prerelease, targetCommitish, makeLatest }: ReleaseFields) {
  const fields = { tag_name: tag, target_commitish: targetCommitish, name, body, draft, prerelease };
  // A draft and a pre-release cannot be the latest release, and GitHub refuses the wish.
  return draft || prerelease ? fields : { ...fields, make_latest: makeLatest };
}

function releaseOrRefusal(answer: ForgeAnswer, { tag, targetCommitish }: ReleaseFields): Release | "tag-taken" {
  if (answer.status < 400) return parseRelease(answer.data);
  const said = formatApiMessage(answer.data);
  if (/immutable/i.test(said)) {
    throw new DomainError("release-immutable", `Release ${tag} was refused: ${said}.`, {
      hint: "A tag that an immutable release had can never be used again. Use a new version.",
    });
  }
  if (/already_exists|already exists/.test(said)) return "tag-taken";
  if (/target_commitish/.test(said)) {
    throw new DomainError("target-unknown", `The forge does not know ${targetCommitish}: ${said}.`, {
      hint: "Push the commit before you release it.",
    });
  }
  throw refusedAnswer(answer, `Release ${tag}`);
}

function workflowMissing(workflow: string, repository: string): DomainError {
  return new DomainError("workflow-missing", `Workflow ${workflow} was not found in ${repository}.`, {
    hint: "It must be on the default branch with a workflow_dispatch trigger, and the token needs `actions: write`.",
  });
}

function toText(data: unknown): string {
  return data instanceof ArrayBuffer ? Buffer.from(data).toString("utf8") : String(data);
}

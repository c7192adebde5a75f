import * as v from "valibot";
import { DomainError } from "../error.ts";
import { type ForgeAnswer, type ForgeApi, refusedAnswer } from "./forge-api.ts";
import { parseRelease, parseReleases, read } from "./release-answer.ts";
import type { Asset, Release, ReleaseFields, ReleaseHost } from "./release-host.ts";
import { uploadAssetTo } from "./upload-asset.ts";

const reads = { permission: "contents: read" };
const writes = { permission: "contents: write" };
const commitsSchema = v.object({
  commits: v.array(v.object({ sha: v.string(), commit: v.object({ message: v.string() }) })),
});

/**
 * Releases on Gitea and Forgejo. Other than on GitHub a tag has one release at most, a draft is found by its tag, the latest release
 * is chosen by the server, the second upload of a name is accepted, and there are no digests and no generated notes.
 */
export function giteaHost(api: ForgeApi): ReleaseHost {
  return {
    forge: "Gitea",
    listReleases: async (tag) => {
      const answer = await api.request("GET /releases/tags/{tag}", { tag }, { ...reads, accept: [404] });
      return answer.status === 404 ? [] : [parseRelease(answer.data)];
    },
    getRelease: async (id) => parseRelease((await api.request("GET /releases/{id}", { id }, reads)).data),
    createRelease: async (fields) => {
      const options = { ...writes, accept: [409, 422], once: true };
      return releaseOrRefusal(await api.request("POST /releases", toBody(fields), options), fields);
    },
    updateRelease: async (id, fields) => {
      const options = { ...writes, accept: [409, 422] };
      return releaseOrRefusal(await api.request("PATCH /releases/{id}", { id, ...toBody(fields) }, options), fields);
    },
    deleteRelease: async (id) => {
      await api.request("DELETE /releases/{id}", { id }, { ...writes, accept: [404] });
    },
    uploadAsset: (release, file) => {
      // Its upload_url is no template as GitHub's, and names the server's public address, which a runner may not reach.
      const url = new URL(`${api.apiUrl}/repos/${api.repository}/releases/${release.id}/assets`);
      url.searchParams.set("name", file.name);
      return uploadAssetTo(api, url, file);
    },
    deleteAsset: async (release, asset) => {
      const parameters = { id: release.id, asset: asset.id };
      await api.request("DELETE /releases/{id}/assets/{asset}", parameters, { ...writes, accept: [404] });
    },
    readAsset: (_release, asset) => readAsset(api, asset),
    findTagCommit: (tag) => findTagCommit(api, tag),
    generateNotes: (_tag, targetCommitish, previousTag) => listChanges(api, targetCommitish, previousTag),
    startWorkflow: async (workflow, ref, inputs) => {
      const options = { permission: "actions: write", once: true };
      await api.request("POST /actions/workflows/{workflow}/dispatches", { workflow, ref, inputs }, options);
    },
  };
}

async function findTagCommit(api: ForgeApi, tag: string): Promise<string | undefined> {
  const answer = await api.request("GET /tags/{+tag}", { tag: encodeURI(tag) }, { ...reads, accept: [404] });
  const schema = v.object({ commit: v.object({ sha: v.string() }) });
  return answer.status === 404 ? undefined : read(schema, answer.data, "a tag").commit.sha;
}

async function readAsset(api: ForgeApi, asset: Asset): Promise<string> {
  const response = await fetch(asset.url, { headers: { authorization: `token ${api.token}` }, signal: api.signal });
  if (response.ok) return response.text();
  throw new DomainError("refused", `${asset.url} was answered with ${response.status}.`);
}

/** Stands in for GitHub's generated notes: the first lines of the commits since the last published release. */
async function listChanges(api: ForgeApi, head: string, previousTag: string | undefined): Promise<string> {
  const base = previousTag ?? (await latestTag(api));
  if (base === undefined) return "";
  const answer = await api.request("GET /compare/{range}", { range: `${base}...${head}` }, { ...reads, accept: [404] });
  if (answer.status === 404) return "";
  const { commits } = read(commitsSchema, answer.data, "the commits since the last release");
  const lines = commits.map(({ sha, commit }) => `* ${commit.message.split("\n")[0]} (${sha.slice(0, 7)})`);
  return lines.length === 0 ? "" : `## Changes since ${base}\n${lines.join("\n")}\n`;
}

async function latestTag(api: ForgeApi): Promise<string | undefined> {
  const { data } = await api.request("GET /releases", { limit: 10 }, reads);
  return parseReleases(data).find((release) => !release.draft && !release.prerelease)?.tag;
}

function toBody({ tag, name, body, draft, prerelease, targetCommitish }: ReleaseFields) {
  return { tag_name: tag, target_commitish: targetCommitish, name, body, draft, prerelease };
}

function releaseOrRefusal(answer: ForgeAnswer, { tag }: ReleaseFields): Release | "tag-taken" {
  if (answer.status === 409) return "tag-taken";
  if (answer.status >= 400) throw refusedAnswer(answer, `Release ${tag}`);
  return parseRelease(answer.data);
}

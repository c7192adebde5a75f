import { resolve } from "node:path";
import { DomainError } from "../../lib/error.ts";
import { listCommitMessages } from "../../lib/git/commits-since.ts";
import { openRepository, type Repository } from "../../lib/git/repository.ts";
import type { GitContext } from "../../lib/git/run-git.ts";
import { listTags } from "../../lib/git/tags.ts";
import type { Host } from "../../lib/host.ts";
import { applyVersion, readTargets, verifyTargets } from "../../lib/version/apply-version.ts";
import { chooseVersion, highestTagged, type TaggedVersion } from "../../lib/version/choose-version.ts";
import { findVersionFile } from "../../lib/version/find-version-file.ts";
import { imageTagOfBranch, imageTagOfVersion, namespaceOfBranch } from "../../lib/version/image-tag.ts";
import { branchPrerelease, versionOfTag } from "../../lib/version/prerelease.ts";
import { formatVersion, type SemanticVersion } from "../../lib/version/semantic-version.ts";
import { stampSeconds } from "../../lib/version/stamp.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "mask">;
type ListTagged = () => Promise<readonly TaggedVersion[]>;

/**
 * Finds the current version, makes the next one, writes it into files or checks them, and names everything that follows from it.
 * Throws InputError, or DomainError when repository, files or tags do not allow it.
 */
export async function nextVersion(inputs: Inputs, deps: Deps): Promise<Outputs> {
  const directory = resolve(deps.env.GITHUB_WORKSPACE ?? ".", inputs.workingDirectory);
  const context = gitContext(inputs, directory, deps);
  const repository = await openRepository(context);
  const listTagged = taggedVersions(context, repository, inputs.tagPrefix, deps);
  const targets = await readTargets(directory, inputs.apply);

  const current = await findCurrentVersion(inputs, directory, listTagged, deps);
  const seconds = stampSeconds(deps.env, repository.commitTime);
  const next = await chooseVersion({
    bump: inputs.bump,
    prereleaseId: inputs.prereleaseId,
    current,
    branch: repository.branch,
    stampSeconds: seconds,
    listTagged,
    listMessages: (since) => listCommitMessages(context, repository, { since: since && tagOf(since), log: deps.log }),
  });

  if (inputs.verify) {
    verifyTag(repository.eventTag, next, inputs.tagPrefix);
    verifyTargets(targets, next, directory);
  } else {
    await applyVersion(targets, next, { directory, dryRun: inputs.dryRun, log: deps.log });
  }
  const outputs = describe(inputs, repository, { current, next, seconds });
  deps.log.info(`Version ${outputs.version}, image tag ${outputs.imageTag}, commit ${outputs.sha.slice(0, 12)}.`);
  return outputs;
}

function gitContext({ githubToken }: Inputs, directory: string, { exec, env, signal, mask }: Deps): GitContext {
  const context = { exec, directory, env, signal };
  if (githubToken === undefined) return context;
  mask(githubToken);
  return { ...context, token: githubToken };
}

async function findCurrentVersion(
  inputs: Inputs,
  directory: string,
  listTagged: ListTagged,
  { log }: Deps,
): Promise<SemanticVersion> {
  const byTags = inputs.file.length === 1 && inputs.file[0] === "tags";
  const file = byTags ? undefined : await findVersionFile(directory, inputs.file);
  if (file) {
    log.info(`Version ${formatVersion(file.version)} is in ${file.path}.`);
    return file.version;
  }
  const highest = highestTagged(await listTagged(), false);
  const where = byTags ? "" : `No file in ${directory} holds a version; `;
  if (highest) {
    log.info(`${where}the highest tag is ${highest.tag}.`);
    return highest.version;
  }
  log.info(`${where}no tag is a version; it is 0.0.0 until there is one.`);
  return { major: 0, minor: 0, patch: 0, prerelease: "", build: "" };
}

function taggedVersions(context: GitContext, repository: Repository, prefix: string, { log }: Deps): ListTagged {
  let asked: Promise<readonly TaggedVersion[]> | undefined;
  const ask = async () => {
    const tags = await listTags(context, repository, log);
    return tags.flatMap(({ name, commit }) => {
      const version = versionOfTag(name, prefix);
      return version ? [{ tag: name, commit, version }] : [];
    });
  };
  return () => {
    asked ??= ask();
    return asked;
  };
}

function verifyTag(eventTag: string | undefined, version: SemanticVersion, prefix: string): void {
  const tagged = eventTag === undefined ? undefined : versionOfTag(eventTag, prefix);
  if (tagged === undefined || formatVersion(tagged) === formatVersion(version)) return;
  throw new DomainError("version-drift", `Tag ${eventTag} was pushed, but the version is ${formatVersion(version)}.`, {
    hint: `Tag this commit ${prefix}${formatVersion(version)}, or change the version and commit it before tagging.`,
  });
}

function describe(
  inputs: Inputs,
  repository: Repository,
  { current, next, seconds }: { current: SemanticVersion; next: SemanticVersion; seconds: number },
): Outputs {
  const version = formatVersion(next);
  const tagged = repository.eventTag === undefined ? undefined : versionOfTag(repository.eventTag, inputs.tagPrefix);
  // On a branch many commits share one version: each still gets an image tag of its own, and none takes the release's.
  const unique = inputs.bump === "prerelease" || (tagged !== undefined && formatVersion(tagged) === version);
  const image = unique ? next : branchPrerelease(next, repository.branch, seconds);
  return {
    version,
    previousVersion: formatVersion(current),
    tag: `${inputs.tagPrefix}${version}`,
    imageTag: imageTagOfVersion(formatVersion({ ...image, build: "" }) + (repository.dirty ? "-dirty" : "")),
    branchTag: imageTagOfBranch(repository.branch),
    namespace: namespaceOfBranch(repository.branch),
    sha: repository.commit,
    isPrerelease: next.prerelease !== "",
    commitTime: repository.commitTime.toISOString().replace(".000Z", "Z"),
  };
}

function tagOf(tagged: TaggedVersion): { name: string; commit: string } {
  return { name: tagged.tag, commit: tagged.commit };
}

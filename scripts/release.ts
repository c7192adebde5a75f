// Releases this repository (interfaces.md 7): node scripts/release.ts VERSION [--remote origin] [--branch main] [--dry-run]
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { gt, major, parse, prerelease } from "semver";
import { parse as parseYaml } from "yaml";

/** Where a release is made from and where it is pushed to. */
export interface ReleaseOptions {
  readonly directory: string;
  readonly version: string;
  /** A remote's name or address that git can push to. */
  readonly remote: string;
  /** The branch that the release must be the newest commit of. */
  readonly branch: string;
  readonly dryRun: boolean;
  readonly env: NodeJS.ProcessEnv;
}

/** What was pushed, or would have been: the commit, and the refs that point at it. */
export interface ReleaseResult {
  readonly commit: string;
  readonly refs: readonly string[];
}

/**
 * Makes one commit with the bundles on top of the branch and pushes it as the exact tag and, unless it is a pre-release, as the branch
 * v<major>, both or none. Throws, before anything is pushed, when the tree is dirty, the commit is not the branch's newest, a bundle is
 * missing, or the version is not above every released one. The working tree and its index are left as they are.
 */
export function release({ directory, version, remote, branch, dryRun, env }: ReleaseOptions): ReleaseResult {
  const git = (args: readonly string[], extra: NodeJS.ProcessEnv = {}) =>
    runGit(directory, args, { ...env, ...credentials(env), ...extra });
  if (parse(version)?.version !== version) throw new Error(`${version} is not a version; allowed: one such as 1.2.3.`);
  const dirty = git(["status", "--porcelain"]);
  if (dirty !== "") throw new Error(`The tree has changes that are not committed:\n${dirty}`);
  const head = git(["rev-parse", "HEAD"]);
  const refs = remoteRefs(git(["ls-remote", remote]));
  if (refs.get(`refs/heads/${branch}`) !== head) throw new Error(`HEAD ${head} is not the newest commit of ${branch}.`);
  const newest = [...refs.keys()]
    .map((ref) => /^refs\/tags\/v(.+)$/.exec(ref)?.[1])
    .find((tag) => !isAbove(version, tag));
  if (newest) throw new Error(`v${newest} is released already; ${version} must be above it, and tags never move.`);

  const commit = commitBundles(directory, head, version, git);
  const line = prerelease(version) ? [] : [`refs/heads/v${major(version)}`];
  const targets = [`refs/tags/v${version}`, ...line];
  const lease = line.map((ref) => `--force-with-lease=${ref}:${refs.get(ref) ?? ""}`);
  const pushed = targets.map((ref) => `${commit}:${ref}`);
  git(["push", "--quiet", "--atomic", ...(dryRun ? ["--dry-run"] : []), ...lease, remote, ...pushed]);
  return { commit, refs: targets };
}

type Git = (args: readonly string[], extra?: NodeJS.ProcessEnv) => string;

// In an index of its own, and with the date of its parent: the same main gives the same commit again.
function commitBundles(directory: string, head: string, version: string, git: Git): string {
  const temporary = mkdtempSync(join(tmpdir(), "gpu-ci-release-"));
  try {
    const index = { GIT_INDEX_FILE: join(temporary, "index") };
    git(["read-tree", head], index);
    git(["add", "--force", "--", ...bundleFolders(directory)], index);
    const tree = git(["write-tree"], index);
    const changed = git(["diff", "--name-only", head, tree]).split("\n");
    const foreign = changed.filter((file) => !/^actions\/[^/]+\/dist\//.test(file));
    // The workflow's token may not push changed workflow files, and a release is bundles only.
    if (foreign.length > 0) throw new Error(`The release would change more than bundles: ${foreign.join(", ")}`);
    const date = git(["show", "--no-patch", "--format=%cI", head]);
    const who = { NAME: "gpu-ci release", EMAIL: "release@gpu-ci.invalid", DATE: date };
    const identity = Object.entries(who).flatMap(([key, value]) =>
      ["AUTHOR", "COMMITTER"].map((role) => [`GIT_${role}_${key}`, value]),
    );
    return git(
      ["commit-tree", tree, "-p", head, "-m", `Release v${version}: bundles of ${head}`],
      Object.fromEntries(identity),
    );
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

function bundleFolders(directory: string): string[] {
  const files = globSync("actions/*/action.yml", { cwd: directory }).flatMap((file) => {
    const { runs } = parseYaml(readFileSync(join(directory, file), "utf8")) as { runs: Record<string, string> };
    return [runs.main, runs.post].filter((entry) => entry !== undefined).map((entry) => join(dirname(file), entry));
  });
  const missing = files.filter((file) => !existsSync(join(directory, file)));
  if (missing.length > 0 || files.length === 0)
    throw new Error(`No bundles at ${missing.join(", ")}; run: npm run build`);
  return files.map((file) => dirname(file));
}

function isAbove(version: string, tag: string | undefined): boolean {
  return tag === undefined || parse(tag) === null || gt(version, tag);
}

function remoteRefs(listing: string): Map<string, string> {
  return new Map(listing.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
}

// By the environment, because arguments can be read by every user of the machine.
function credentials(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (!env.GITHUB_TOKEN || !env.GITHUB_SERVER_URL) return {};
  const basic = Buffer.from(`x-access-token:${env.GITHUB_TOKEN}`).toString("base64");
  return {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: `http.${env.GITHUB_SERVER_URL}/.extraheader`,
    GIT_CONFIG_VALUE_0: `Authorization: basic ${basic}`,
  };
}

function runGit(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  const { status, stdout, stderr } = spawnSync("git", args, { cwd, env, encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr.trim()}`);
  return stdout.trim();
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      remote: { type: "string", default: "origin" },
      branch: { type: "string", default: "main" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const directory = join(import.meta.dirname, "..");
  const { remote, branch, "dry-run": dryRun } = values;
  const version = positionals[0] ?? "";
  const { commit, refs } = release({ directory, version, remote, branch, dryRun, env: process.env });
  console.log(`${dryRun ? "would release" : "released"} ${commit} as ${refs.join(" and ")}`);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

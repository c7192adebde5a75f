import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { deadline } from "../../lib/abort.ts";
import { DomainError, InputError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { findAssetFiles } from "../../lib/release/asset-file.ts";
import { type Checksums, checksumsName, writeChecksums } from "../../lib/release/checksums.ts";
import { dryRunFolder, writeDryRun } from "../../lib/release/dry-run.ts";
import { formatEvidence, formatNotes, formatSummary, generatedNotes, notesProblem } from "../../lib/release/notes.ts";
import { openReleaseHost } from "../../lib/release/open-release-host.ts";
import { publishRelease } from "../../lib/release/publish-release.ts";
import type { AssetFile, ReleaseFields, ReleaseHost } from "../../lib/release/release-host.ts";
import { findReleaseTarget, isPrereleaseTag, type ReleaseTarget } from "../../lib/release/release-target.ts";
import { parseReport, type Report } from "../../lib/report/report.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "now" | "tempDirectory" | "run" | "summary" | "mask">;

/**
 * Releases the commit that was tested: checks everything that can be checked here, then draft, upload, verify, publish. A dry run
 * writes the same release into a folder and asks no API. Throws InputError or DomainError.
 */
export async function githubRelease(inputs: Inputs, deps: Deps): Promise<Outputs> {
  using limit = deadline("The release", inputs.timeoutMs, deps.signal);
  const directory = resolve(deps.env.GITHUB_WORKSPACE ?? ".", inputs.workingDirectory);
  const context = { exec: deps.exec, directory, env: deps.env, signal: limit.signal };

  const report = await requireReport(inputs, directory);
  const target = await findReleaseTarget(context, inputs);
  const files = await deps.log.group("Files", () => findFiles(inputs, directory, deps));
  const fields = releaseFields(inputs, target, await readNotes(inputs, directory, report));
  const checksums = inputs.checksums && files.length > 0 ? join(deps.tempDirectory, checksumsName) : undefined;
  const withChecksums = async (earlier?: Checksums) =>
    checksums === undefined ? files : [...files, await writeChecksums(checksums, files, earlier)];
  if (inputs.dryRun) return dryRun(join(directory, dryRunFolder), fields, await withChecksums(), deps);

  const host = openHost(inputs, deps, limit.signal);
  const notes = () => (inputs.generateNotes ? generatedNotes(host, fields, inputs.previousTag) : fields.body);
  const { draft, overwrite } = inputs;
  const { release, created, publishedNow } = await publishRelease(
    { fields, draft, overwrite, tagIsTarget: target.tagIsTarget, files: withChecksums, notes: async () => notes() },
    { host, log: deps.log, signal: limit.signal },
  );
  if (publishedNow) await startWorkflows(inputs, host, target.tag, deps);
  if (inputs.summary) await deps.summary(formatSummary(release, fields.name));
  return {
    id: release.id,
    url: release.url,
    tagName: target.tag,
    assets: release.assets.map((asset) => asset.url),
    checksumsFile: checksums,
    created,
    published: !release.draft,
  };
}

async function requireReport(inputs: Inputs, directory: string): Promise<Report | undefined> {
  if (inputs.requireReport === undefined) return undefined;
  const path = resolve(directory, inputs.requireReport);
  if (!existsSync(path))
    throw new InputError("require-report", inputs.requireReport, `an existing file in ${directory}`);
  const report = parseReport(await readFile(path, "utf8"));
  if (!report) throw new DomainError("report-unreadable", `${path} is not a report of run-k8s-gpu-test.`);
  if (report.conclusion === "success") return report;
  throw new DomainError("report-not-success", `${path} says ${report.conclusion}: ${report.detail}`, {
    hint: "Nothing was released. A release needs a test run that ended with success.",
  });
}

async function findFiles(inputs: Inputs, directory: string, { log }: Deps): Promise<readonly AssetFile[]> {
  const files = await findAssetFiles(inputs.files, { directory, failOnUnmatched: inputs.failOnUnmatched, log });
  const own = files.find((file) => inputs.checksums && file.name === checksumsName);
  if (own) throw new InputError("files", own.path, `no ${checksumsName} of your own; or set checksums: false`);
  for (const file of files) log.info(`${file.name} ${file.sizeBytes} bytes ${file.digest}`);
  return files;
}

async function readNotes(inputs: Inputs, directory: string, report: Report | undefined): Promise<string> {
  const path = inputs.bodyPath === undefined ? undefined : resolve(directory, inputs.bodyPath);
  if (path !== undefined && !existsSync(path)) {
    throw new InputError("body-path", inputs.bodyPath ?? "", `an existing file in ${directory}`);
  }
  const notes = formatNotes({
    parts: [inputs.body, path === undefined ? "" : await readFile(path, "utf8")],
    images: inputs.images,
    evidence: report && formatEvidence(report),
  });
  const problem = notesProblem(notes);
  if (problem) throw new InputError("body", inputs.body, problem);
  return notes;
}

function releaseFields(inputs: Inputs, { tag, commit }: ReleaseTarget, body: string): ReleaseFields {
  const prerelease = inputs.prerelease === "auto" ? isPrereleaseTag(tag) : inputs.prerelease === "true";
  const makeLatest = inputs.makeLatest === "auto" ? "legacy" : inputs.makeLatest;
  return { tag, name: inputs.name ?? tag, body, draft: inputs.draft, prerelease, targetCommitish: commit, makeLatest };
}

function openHost(inputs: Inputs, deps: Deps, signal: AbortSignal): ReleaseHost {
  const { env, run, log, now } = deps;
  if (inputs.githubToken === undefined) throw new InputError("github-token", "", "a token with `contents: write`");
  if (run.repository === undefined) {
    throw new DomainError("repository-unknown", "GITHUB_REPOSITORY is not set.", {
      hint: "Set it to owner/repository.",
    });
  }
  deps.mask(inputs.githubToken);
  const apiUrl = env.GITHUB_API_URL || "https://api.github.com";
  const endsAt = new Date(now().getTime() + inputs.timeoutMs);
  return openReleaseHost({ apiUrl, token: inputs.githubToken, repository: run.repository, log, signal, now, endsAt });
}

async function startWorkflows(inputs: Inputs, host: ReleaseHost, tag: string, { log }: Deps): Promise<void> {
  for (const { workflow, ref = tag, inputs: values } of inputs.dispatch) {
    await host.startWorkflow(workflow, ref, values);
    log.info(`Started ${workflow} at ${ref}.`);
  }
}

async function dryRun(
  folder: string,
  fields: ReleaseFields,
  files: readonly AssetFile[],
  deps: Deps,
): Promise<Outputs> {
  await writeDryRun(folder, fields, files);
  deps.log.info(`Dry run: ${fields.tag} with ${files.length} assets and its notes is in ${folder}; no API was asked.`);
  const assets = files.map((file) => join(folder, file.name));
  const checksumsFile = assets.find((path) => path.endsWith(`/${checksumsName}`));
  return {
    id: undefined,
    url: undefined,
    tagName: fields.tag,
    assets,
    checksumsFile,
    created: false,
    published: false,
  };
}

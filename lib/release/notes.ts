import { formatSize } from "../size.ts";
import type { Release, ReleaseFields, ReleaseHost } from "./release-host.ts";

/** What release notes are made of, in this order. */
export interface NotesOptions {
  /** Texts of the caller. */
  readonly parts: readonly string[];
  /** Released images, each `repository@sha256:…`. */
  readonly images: readonly string[];
  /** One sentence on the test that this release passed. */
  readonly evidence: string | undefined;
}

/** Puts release notes together in Markdown. */
export function formatNotes({ parts, images, evidence }: NotesOptions): string {
  const imageList = images.map((image) => `- \`${image}\``).join("\n");
  return joinParts([
    ...parts,
    images.length === 0 ? "" : `## Images\n\n${imageList}`,
    evidence === undefined ? "" : `## Tested\n\n${evidence}`,
  ]);
}

/** The notes, followed by what the forge generates on the changes since the previous tag. */
export async function generatedNotes(
  host: ReleaseHost,
  { tag, targetCommitish, body }: ReleaseFields,
  previousTag: string | undefined,
): Promise<string> {
  return joinParts([body, await host.generateNotes(tag, targetCommitish, previousTag)]);
}

/** The job summary of a release: where it is and what it holds. */
export function formatSummary(release: Release, name: string): string {
  const rows = release.assets.map(({ name, url, sizeBytes }) => `| [${name}](${url}) | ${formatSize(sizeBytes)} |`);
  const table = rows.length === 0 ? "" : `\n\n| Asset | Size |\n| --- | ---: |\n${rows.join("\n")}`;
  return `### ${release.draft ? "Draft of release" : "Release"} [${name}](${release.url})${table}\n`;
}

/** What goes wrong with a release's notes, or undefined. GitHub takes 125 000 characters. */
export function notesProblem(notes: string): string | undefined {
  return notes.length > 125_000 ? `at most 125000 characters, and these notes have ${notes.length}` : undefined;
}

/** What notes say of a test run; a report of run-k8s-gpu-test fits. */
export interface Evidence {
  readonly image: string;
  readonly gpus: readonly { readonly product: string; readonly driver: string }[];
  readonly startedAt: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** One sentence on what was tested, where, when, and with which counts. */
export function formatEvidence({ image, gpus, startedAt, passed, failed, skipped }: Evidence): string {
  const where = gpus.map((gpu) => `${gpu.product} (driver ${gpu.driver})`).join(", ") || "no GPU";
  return `\`${image}\` on ${where}, ${startedAt}: ${passed} passed, ${failed} failed, ${skipped} skipped.`;
}

function joinParts(parts: readonly string[]): string {
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n");
}

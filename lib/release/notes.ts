/** What release notes are made of, in this order. */
export interface NotesParts {
  readonly body: string;
  /** Released images, each `repository@sha256:…`. */
  readonly images: readonly string[];
  /** One sentence on the test that this release passed. */
  readonly evidence: string | undefined;
  /** What the forge generated. */
  readonly generated: string;
}

/** Puts release notes together in Markdown. */
export function formatNotes({ body, images, evidence, generated }: NotesParts): string {
  const parts = [
    body.trim(),
    images.length === 0 ? "" : ["## Images", "", ...images.map((image) => `- \`${image}\``)].join("\n"),
    evidence === undefined ? "" : `## Tested\n\n${evidence}`,
    generated.trim(),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
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

import { expect, it } from "vitest";
import { formatEvidence, formatNotes, notesProblem } from "../../../../lib/release/notes.ts";

it("puts notes together: the caller's texts, images, evidence; what is not there leaves no trace", () => {
  const gpus = [{ product: "NVIDIA L4", driver: "580.1" }];
  const counts = { passed: 3, failed: 0, skipped: 1 };
  const evidence = formatEvidence({ image: "r/a@sha256:0", gpus, startedAt: "2026-11-20T12:00:00Z", ...counts });
  expect(formatNotes({ parts: ["One.\n", "", " Two."], images: ["r/a@sha256:0"], evidence })).toBe(
    [
      "One.",
      "Two.",
      "## Images",
      "- `r/a@sha256:0`",
      "## Tested",
      "`r/a@sha256:0` on NVIDIA L4 (driver 580.1), 2026-11-20T12:00:00Z: 3 passed, 0 failed, 1 skipped.",
    ].join("\n\n"),
  );
  expect(formatNotes({ parts: ["", ""], images: [], evidence: undefined })).toBe("");
  expect([notesProblem("x".repeat(125_000)), notesProblem("x".repeat(125_001))]).toEqual([
    undefined,
    "at most 125000 characters, and these notes have 125001",
  ]);
});

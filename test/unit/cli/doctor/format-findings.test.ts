import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { type Finding, ok, problem, type Subject } from "../../../../cli/doctor/finding.ts";
import { fixFindings } from "../../../../cli/doctor/fix-findings.ts";
import { findingsDocument, formatFindings, isReady } from "../../../../cli/doctor/format-findings.ts";
import { DomainError } from "../../../../lib/error.ts";

const git: Subject = { group: "host", topic: "git" };
const gpus: Subject = { group: "gpus", topic: "GPU holders" };
const busy = { code: "gpus-busy", found: "all 2 are held", cause: "a new test waits", remedy: "Wait." };

function leftovers(fix: () => Promise<string>): Finding {
  const about = { code: "expired-leftovers", found: "Job old", remedy: "gpu-ci doctor --fix", fix };
  return problem({ group: "leftovers", topic: "in the cluster" }, "limited", about);
}

describe("findings", () => {
  it("are printed by group, each with its remedy below it, and a verdict at the end", () => {
    const text = formatFindings([problem(gpus, "limited", busy), ok(git, "git version 2.39.5")], new PassThrough());
    expect(text).toBe(`Host
  ✓ git          git version 2.39.5

GPUs
  ! GPU holders  all 2 are held: a new test waits
                 → Wait.

The pipeline can run here; look at: GPU holders.
`);
  });

  it("name in the verdict what is missing", () => {
    const missing = problem(git, "missing", { code: "git-missing", found: "not found", remedy: "Install it." });
    expect(isReady([missing])).toBe(false);
    expect(formatFindings([missing], new PassThrough())).toMatch(/\nThe pipeline cannot run here yet: git\.\n$/);
  });

  it("have the same fields for a program, whatever they are", () => {
    expect(findingsDocument([ok(git, "git version 2.39.5"), problem(gpus, "limited", busy)])).toEqual({
      schema: 1,
      ready: true,
      findings: [
        {
          group: "host",
          topic: "git",
          state: "ok",
          code: null,
          found: "git version 2.39.5",
          cause: null,
          remedy: null,
          fixed: false,
        },
        { group: "gpus", topic: "GPU holders", state: "limited", ...busy, fixed: false },
      ],
    });
  });

  it("are well once they were fixed, and say why they could not be", async () => {
    const refuse = () => Promise.reject(new DomainError("forbidden", "DELETE: 403", { hint: "Grant the right." }));
    const [done, refused] = await fixFindings([leftovers(async () => "removed Job old"), leftovers(refuse)]);
    expect(done).toEqual({
      group: "leftovers",
      topic: "in the cluster",
      state: "ok",
      code: undefined,
      found: "removed Job old",
      cause: undefined,
      remedy: undefined,
      isFixed: true,
    });
    expect([refused?.state, refused?.cause, refused?.remedy]).toEqual([
      "limited",
      "could not be removed: DELETE: 403",
      "Grant the right.",
    ]);
  });
});

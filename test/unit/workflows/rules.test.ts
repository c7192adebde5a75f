import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { projectFiles, root } from "../../support/house.ts";
import { readWorkflow, type Step, type WorkflowFile, workflowPaths } from "../../support/workflow-file.ts";

describe.each(workflowPaths())("%s", (path) => {
  const { text, workflow } = readWorkflow(path);
  const jobs = Object.entries(workflow.jobs);
  const steps = jobs.flatMap(([, job]) => job.steps ?? []);

  it("is wiring: 150 lines at the most, 5 in a run", () => {
    expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(150);
    expect(steps.filter(({ run }) => (run ?? "").trim().split("\n").length > 5)).toEqual([]);
    expect(steps.filter(({ uses }) => uses?.includes("github-script"))).toEqual([]);
  });

  it("grants nothing at the top, and each right to a job with a reason beside it", () => {
    expect(workflow.permissions).toEqual({});
    expect(text.match(/^permissions: \{\}$/gm)).toHaveLength(1);
    const needs = Object.fromEntries(jobs.map(([job, { steps: own = [] }]) => [job, own.some(readsRepository)]));
    expect(
      Object.fromEntries(jobs.map(([job, { permissions }]) => [job, permissions?.contents !== undefined])),
    ).toEqual(needs);
    const grants = text.match(/^ {6}[\w-]+: (read|write).*$/gm) ?? [];
    expect(grants.filter((line) => !/ # to \w/.test(line))).toEqual([]);
  });

  it("ends every job by a timeout, and has one run at a time", () => {
    for (const [, job] of jobs) expect(job["timeout-minutes"]).toBeGreaterThan(0);
    expect(workflow.concurrency?.group).toMatch(/./);
  });

  it("pins every action of others by its commit, with the version beside it", () => {
    const others = [...text.matchAll(/uses: *(.+)/g)].map(([, use = ""]) => use).filter((use) => !use.startsWith("$/"));
    expect(others.filter((use) => !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(use))).toEqual([]);
  });

  it("checks out without leaving the token behind", () => {
    const checkouts = steps.filter(isCheckout);
    expect(checkouts.map((step) => step.with?.["persist-credentials"])).toEqual(checkouts.map(() => false));
  });

  it("never runs what an outsider wrote with rights, nor hands all secrets on", () => {
    expect(Object.keys(workflow.on)).not.toContain("pull_request_target");
    expect(Object.keys(workflow.on)).not.toContain("workflow_run");
    expect(text).not.toMatch(/secrets: *inherit/);
  });

  it("brings no expression into a shell", () => {
    expect(steps.filter(({ run }) => run?.includes("${{"))).toEqual([]);
  });

  it("tells the legs of a matrix apart, so that each names objects of its own and clears up its own", () => {
    const legs = jobs.filter(([, { strategy }]) => strategy).map(([job, { env }]) => [job, env?.GPU_CI_MATRIX]);
    expect(legs).toEqual(legs.map(([job]) => [job, expect.stringMatching(/^\$\{\{ matrix\.[\w-]+ \}\}$/)]));
  });
});

describe("workflows in documents and examples", () => {
  const found = projectFiles(/^(examples\/.*\.yml|.*\.md)$/).flatMap((path) =>
    blocksOf(path).flatMap((block) => {
      const workflow = parse(block) as WorkflowFile | null;
      return workflow?.jobs ? [{ path, workflow }] : [];
    }),
  );

  it("are there", () => {
    expect(found.map(({ path }) => path)).toContain("README.md");
  });

  it.each(found)("grant rights by name in $path", ({ workflow }) => {
    for (const { permissions, secrets } of Object.values(workflow.jobs)) {
      expect(permissions ?? workflow.permissions).toBeTypeOf("object");
      expect(secrets).not.toBe("inherit");
    }
  });
});

function isCheckout({ uses }: Step): boolean {
  return uses?.startsWith("actions/checkout@") ?? false;
}

/** By a checkout, or by asking for its branches. */
function readsRepository(step: Step): boolean {
  return isCheckout(step) || step.uses === "$/actions/registry-care";
}

function blocksOf(path: string): string[] {
  const text = readFileSync(join(root, path), "utf8");
  if (!path.endsWith(".md")) return [text];
  return [...text.matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
}

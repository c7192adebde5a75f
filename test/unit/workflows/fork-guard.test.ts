import { describe, expect, it } from "vitest";
import { evaluateExpression } from "../../support/workflow-expression.ts";
import { readWorkflow, workflowPaths } from "../../support/workflow-file.ts";

const repository = "team/app";
const pullRequestFrom = (full_name: string) => ({
  event_name: "pull_request",
  ref: "refs/pull/7/merge",
  repository,
  event: { pull_request: { head: { repo: { full_name } } } },
});
const events = [
  {
    name: "a push",
    github: { event_name: "push", ref: "refs/heads/main", repository, event: {} },
    runs: true,
    cancels: true,
  },
  {
    name: "a tag",
    github: { event_name: "push", ref: "refs/tags/v1.2.3", repository, event: {} },
    runs: true,
    cancels: false,
  },
  {
    name: "a dispatch",
    github: { event_name: "workflow_dispatch", ref: "refs/heads/main", repository, event: {} },
    runs: true,
    cancels: false,
  },
  {
    name: "a schedule",
    github: { event_name: "schedule", ref: "refs/heads/main", repository, event: {} },
    runs: true,
    cancels: false,
  },
  { name: "a pull request of the repository itself", github: pullRequestFrom("Team/App"), runs: true, cancels: true },
  { name: "a pull request of a fork", github: pullRequestFrom("stranger/app"), runs: false, cancels: true },
  {
    name: "a pull request whose fork was deleted",
    github: { ...pullRequestFrom(""), event: { pull_request: { head: { repo: null } } } },
    runs: false,
    cancels: true,
  },
];
const guarded = workflowPaths().flatMap((path) =>
  Object.entries(readWorkflow(path).workflow.jobs)
    .filter(([, job]) => JSON.stringify(job["runs-on"]).match(/self-hosted|inputs\.runs-on/))
    .map(([name, job]) => ({ path, name, guard: job.if ?? "true" })),
);

describe.each(guarded)("job $name of $path, on a machine of the team", ({ guard }) => {
  it.each(events)("decides rightly on $name", ({ github, runs }) => {
    expect(evaluateExpression(guard, { github })).toBe(runs);
  });
});

it("finds every job that may run on a machine of the team", () => {
  expect(guarded.map(({ path, name }) => `${path} ${name}`).sort()).toEqual([
    ".github/workflows/base-image.yml build",
    ".github/workflows/ci.yml e2e",
    ".github/workflows/gpu-ci.yml test",
    ".github/workflows/gpu-test.yml test",
    ".github/workflows/registry-care.yml care",
    ".github/workflows/release.yml release",
    ".github/workflows/runners.yml switch",
    "workflows/base-image.yml build",
    "workflows/gpu-ci.yml test",
    "workflows/gpu-test.yml test",
    "workflows/registry-care.yml care",
    "workflows/release.yml release",
    "workflows/runners.yml switch",
  ]);
});

describe.each(["gpu-ci", "gpu-test"])("a newer run of workflows/%s.yml", (name) => {
  const { concurrency } = readWorkflow(`workflows/${name}.yml`).workflow;

  it.each(events)("cancels the older one of $name: $cancels", ({ github, cancels }) => {
    expect(evaluateExpression(String(concurrency?.["cancel-in-progress"]), { github })).toBe(cancels);
  });

  it("shares its group with runs of the same ref alone, whatever the caller is called", () => {
    expect(concurrency?.group).toBe(`gpu-ci/${name}.yml/\${{ github.ref }}`);
  });
});

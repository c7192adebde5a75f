import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCallerWorkflow } from "../../../cli/caller-workflow.ts";
import { root } from "../../support/house.ts";
import { evaluateExpression } from "../../support/workflow-expression.ts";
import { readWorkflow } from "../../support/workflow-file.ts";

const folder = "examples/callers";
const files = readdirSync(join(root, folder)).filter((name) => name.endsWith(".yml"));
const called = /^OWNER\/gpu-ci\/\.github\/workflows\/([\w-]+)\.yml@v1$/;

describe.each(files)("examples/callers/%s", (name) => {
  const { text, workflow } = readWorkflow(`${folder}/${name}`);
  const calls = Object.values(workflow.jobs).flatMap((job) => (job.uses === undefined ? [] : [job]));

  it("is a page of 25 lines that says first when to use it", () => {
    expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(25);
    expect(text).toMatch(/^# .*\n# (.*\. )?Use it /);
    expect(text).toContain(`\nname: ${name.replace(/\.yml$/, "")}\n`);
  });

  it("calls a workflow of ours, each at the branch of the major version", () => {
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter(({ uses = "" }) => !called.test(uses))).toEqual([]);
  });

  it("gives only inputs that there are, and all that are required", () => {
    for (const { uses = "", with: given = {} } of calls) {
      const { inputs } = readWorkflow(`workflows/${called.exec(uses)?.[1]}.yml`).workflow.on.workflow_call!;
      const required = Object.keys(inputs).filter((input) => inputs[input]?.required);
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining([...Object.keys(given), ...required]));
      expect(Object.keys(given)).toEqual(expect.arrayContaining(required));
    }
  });

  it("takes from a job before it only what that gives", () => {
    for (const [, job = "", output = ""] of text.matchAll(/needs\.([\w-]+)\.outputs\.([\w-]+)/g)) {
      const { uses = "" } = workflow.jobs[job] ?? {};
      const { outputs = {} } = readWorkflow(`workflows/${called.exec(uses)?.[1]}.yml`).workflow.on.workflow_call!;
      expect(Object.keys(outputs)).toContain(output);
    }
  });

  it("grants each called workflow what its jobs ask for", () => {
    for (const { uses = "", permissions = workflow.permissions } of calls) {
      const asked = Object.values(readWorkflow(`workflows/${called.exec(uses)?.[1]}.yml`).workflow.jobs);
      for (const { permissions: wanted = {} } of asked) expect(permissions).toMatchObject(wanted);
    }
  });
});

describe("examples/callers", () => {
  it("has a README with a line for each, and for each event that starts one", () => {
    const readme = readFileSync(join(root, folder, "README.md"), "utf8");
    expect([...readme.matchAll(/^\| \[([\w-]+\.yml)\]/gm)].map(([, file = ""]) => file).sort()).toEqual(files.sort());
    const events = files.flatMap((name) => Object.keys(readWorkflow(`${folder}/${name}`).workflow.on));
    expect([...new Set(events)].sort()).toEqual([
      "merge_group",
      "pull_request",
      "push",
      "repository_dispatch",
      "schedule",
      "workflow_dispatch",
    ]);
  });

  it("tests a fork's pull request away from the team's machine, and only that", () => {
    const guard = String(readWorkflow(`${folder}/pull-request.yml`).workflow.jobs.fork?.if);
    const from = (full_name: string) =>
      evaluateExpression(guard, {
        github: { repository: "team/app", event: { pull_request: { head: { repo: { full_name } } } } },
      });
    expect([from("team/app"), from("stranger/app")]).toEqual([false, true]);
  });

  it("has a button that does the same in a terminal", async () => {
    const { with: given } = await readCallerWorkflow(join(root, folder, "dispatch.yml"), new Map([["suite", "bench"]]));
    expect(Object.fromEntries(given)).toEqual({
      "test-command": "make bench",
      results: "build/results/*.xml",
      gpus: "auto",
      timeout: "30m",
    });
  });
});

describe("the classes of gpu-test.yml", () => {
  const { workflow } = readWorkflow("workflows/gpu-test.yml");
  const inputs = Object.keys(workflow.on.workflow_call!.inputs);

  it("may set every input from gpus to timeout, as the description says", () => {
    const given = Object.entries(workflow.jobs.test?.steps?.[0]?.with ?? {});
    const own = given.filter(([, value]) => String(value).includes("matrix.")).map(([input]) => input);
    expect(inputs.slice(inputs.indexOf("gpus"), inputs.indexOf("timeout") + 1)).toEqual(own);
  });
});

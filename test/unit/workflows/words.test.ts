import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readAction, root } from "../../support/house.ts";
import { readWorkflow, type Step } from "../../support/workflow-file.ts";

const own = "$/actions/";

/** Values that a workflow chooses for an action's choice, instead of handing an input on. */
const chosen: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "gpu-ci": { "setup-microk8s distribution": ["optional", "existing"] },
};
/** Defaults that differ from the action's. */
const ownDefaults: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // A class of GPUs was asked for by name, so the test must have one.
  "gpu-test": { gpus: "1", engine: "kubernetes" },
  // The action refuses to guess what may be deleted; a workflow that runs by itself needs an answer.
  "registry-care": { "keep-last": "10", "keep-days": "30" },
};
const names = readdirSync(join(root, "workflows")).map((file) => file.replace(/\.yml$/, ""));

describe.each(names)("workflows/%s.yml", (name) => {
  const { workflow } = readWorkflow(`workflows/${name}.yml`);
  const call = workflow.on.workflow_call!;
  const steps = Object.values(workflow.jobs)
    .flatMap((job) => job.steps ?? [])
    .filter((step): step is Step & { uses: string } => step.uses?.startsWith(own) ?? false);
  const handed = steps.flatMap((step) =>
    Object.entries(step.with ?? {}).map(([input, value]) => ({
      action: step.uses.slice(own.length),
      input,
      value: String(value),
    })),
  );

  it("names each step after its action", () => {
    expect(steps.map(({ id }) => id)).toEqual(steps.map(({ uses }) => uses.slice(own.length)));
  });

  it("hands on only inputs that the action has", () => {
    expect(handed.filter(({ action, input }) => !readAction(action).inputs?.[input])).toEqual([]);
  });

  it("gives every input that an action requires", () => {
    const required = steps.flatMap(({ uses, with: given = {} }) =>
      Object.entries(readAction(uses.slice(own.length)).inputs ?? {})
        .filter(([input, declared]) => declared.required && given[input] === undefined)
        .map(([input]) => `${uses}: ${input}`),
    );
    expect(required).toEqual([]);
  });

  const inputs = handed.flatMap(({ action, input, value }) => {
    const from = /^\$\{\{ (?:matrix\.([\w-]+) \|\| inputs\.\1|(?:inputs|secrets)\.([\w-]+)) \}\}$/
      .exec(value)
      ?.slice(1)
      .join("");
    return from === undefined ? [] : [{ action, input, from }];
  });

  it.each(inputs)("describes $from in the words of $input of $action, with its default", ({ action, input, from }) => {
    const there = readAction(action).inputs?.[input];
    const here = call.inputs[from] ?? call.secrets?.[from];
    expect(here?.description).toBe(there?.description.trim());
    // The runner hands an input on as it stands, so an action's default counts only where it is repeated here.
    const expected = ownDefaults[name]?.[from] ?? there?.default ?? "";
    if (call.inputs[from]) expect({ default: here?.default ?? "" }).toEqual({ default: expected });
  });

  it("hands every input and secret to something", () => {
    const { text } = readWorkflow(`workflows/${name}.yml`);
    const names = [
      ...Object.keys(call.inputs).map((key) => `inputs.${key}`),
      ...Object.keys(call.secrets ?? {}).map((key) => `secrets.${key}`),
    ];
    expect(names.filter((key) => !new RegExp(`\\b${key}\\b(?!-)`).test(text))).toEqual([]);
  });

  it("types every input", () => {
    expect(Object.entries(call.inputs).filter(([, { type }]) => type !== "string")).toEqual([]);
  });

  it("exports each output of its job again, each from an action that has it", () => {
    const [jobName, job] = Object.entries(workflow.jobs)[0]!;
    // Of several legs one may have none: then something stands in.
    const exported = Object.entries(call.outputs ?? {}).map(([key, { value = "" }]) => [
      key,
      job.strategy ? value.replace(/ \|\| .*(?= \}\}$)/, "") : value,
    ]);
    expect(Object.fromEntries(exported)).toEqual(
      Object.fromEntries(Object.keys(job.outputs ?? {}).map((key) => [key, `\${{ jobs.${jobName}.outputs.${key} }}`])),
    );
    const references = Object.values(job.outputs ?? {}).flatMap((value) => [
      ...value.matchAll(/steps\.([\w-]+)\.outputs\.([\w-]+)/g),
    ]);
    expect(
      references.filter(([, step = "", output = ""]) => !readAction(step).outputs?.[output]).map(([all]) => all),
    ).toEqual([]);
  });

  it("chooses only what no caller may choose, with words that the action has", () => {
    const literal = handed.flatMap(({ action, input, value }) => {
      const words = value.includes("${{")
        ? [...value.matchAll(/'([\w-]+)'(?= [|}])/g)].map(([, word]) => word)
        : [value];
      return words.length === 0 ? [] : [[`${action} ${input}`, words] as const];
    });
    expect(Object.fromEntries(literal)).toEqual(chosen[name] ?? {});
    for (const [place, words] of Object.entries(chosen[name] ?? {})) {
      const [action = "", input = ""] = place.split(" ");
      for (const word of words) expect(readAction(action).inputs?.[input]?.description).toContain(word);
    }
  });
});

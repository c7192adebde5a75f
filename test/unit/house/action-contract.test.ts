import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { GetInput } from "../../../lib/input.ts";
import type { SetOutput } from "../../../lib/output.ts";
import { actionNames, readAction, root } from "../../support/house.ts";

/** A plausible value for each input that has no default and must be given. */
const samples: Readonly<Record<string, string>> = {
  base: `localhost:32000/base@sha256:${"a".repeat(64)}`,
  image: `localhost:32000/team/app@sha256:${"a".repeat(64)}`,
  source: `localhost:32000/team/app@sha256:${"a".repeat(64)}`,
  "tag-name": "v1.2.3",
  targets: "ghcr.io/team/app:1.2.3",
};

/** What is not the action's own: the same words wherever it stands. */
const shared = ["kubeconfig", "context", "namespace", "working-directory", "registry", "username", "password"];

describe.each(actionNames())("action %s", (name) => {
  const action = readAction(name);
  const declared = Object.entries(action.inputs ?? {});

  it("reads exactly the inputs that action.yml declares, and every default parses", async () => {
    const { readInputs } = (await import(`../../../actions/${name}/inputs.ts`)) as {
      readInputs: (get: GetInput) => unknown;
    };
    const read = new Set<string>();
    readInputs((input) => {
      read.add(input);
      const { default: value, required } = action.inputs?.[input] ?? {};
      return value?.startsWith("${{") ? "from-the-runner" : (value ?? (required ? (samples[input] ?? "") : ""));
    });
    expect([...read].sort()).toEqual(declared.map(([input]) => input).sort());
  });

  it("writes exactly the outputs that action.yml declares", async () => {
    const module = (await import(`../../../actions/${name}/outputs.ts`)) as {
      writeOutputs: (set: SetOutput, outputs: object) => void;
    };
    const written: string[] = [];
    module.writeOutputs((output) => written.push(output), {});
    expect(written.sort()).toEqual(Object.keys(action.outputs ?? {}).sort());
  });

  it("runs on node24 from bundles of the sources that exist", () => {
    const post = existsSync(join(root, "actions", name, "post.ts"));
    expect(action.runs).toEqual({
      using: "node24",
      main: "dist/main/index.js",
      ...(post ? { post: "dist/post/index.js", "post-if": "always()" } : {}),
    });
  });

  it("describes every input and output in sentences", () => {
    const texts = [...declared, ...Object.entries(action.outputs ?? {})].map(
      ([key, { description }]) => `${key}: ${description.trim()}`,
    );
    expect(texts.filter((text) => !text.endsWith("."))).toEqual([]);
  });

  it("keeps its main.ts within ten lines and its story within 150", () => {
    const lines = (file: string) =>
      readFileSync(join(root, "actions", name, file), "utf8")
        .trimEnd()
        .split("\n").length;
    expect(lines("main.ts")).toBeLessThanOrEqual(10);
    expect(lines(`${name}.ts`)).toBeLessThanOrEqual(150);
  });
});

describe("inputs that several actions share", () => {
  it.each(shared)("%s has the same words everywhere", (input) => {
    // build-base-image's `context` is the builders' word for the folder that COPY reads.
    const names = actionNames().filter((name) => input !== "context" || name !== "build-base-image");
    const words = names.flatMap((name) => readAction(name).inputs?.[input]?.description.trim() ?? []);
    expect(new Set(words).size).toBeLessThanOrEqual(1);
  });
});

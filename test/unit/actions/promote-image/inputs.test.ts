import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/promote-image/inputs.ts";
import { requirePromoted } from "../../../../actions/promote-image/promote-image.ts";
import { actionInput } from "../../../support/action-input.ts";

const digest = `sha256:${"a".repeat(64)}`;
const given = { source: `acme/app@${digest}`, targets: "ghcr.io/acme/app:1.4.0" };
const read = (values: Record<string, string>) => readInputs(actionInput("promote-image", { ...given, ...values }));

describe("inputs of promote-image", () => {
  it("take targets with a tag, without one, or with the source's digest, each once", () => {
    const references = ["ghcr.io/acme/app:1.4.0", "localhost:5000/a", `docker.io/a/b:x@${digest}`];
    const { source, targets } = read({ targets: [...references, ...references].join("\n") });
    expect(source).toEqual({ registry: undefined, repository: "acme/app", digest });
    expect(targets).toEqual([
      { reference: references[0], registry: "ghcr.io", repository: "acme/app", tag: "1.4.0" },
      { reference: references[1], registry: "localhost:5000", repository: "a", tag: undefined },
      { reference: references[2], registry: "docker.io", repository: "a/b", tag: "x" },
    ]);
  });

  it("take credentials whose passwords hold anything", () => {
    const { credentials } = read({ credentials: "ghcr.io=ada:pass=word:2\nlocalhost:5000=ci:x\n" });
    expect(Object.fromEntries(credentials)).toEqual({
      "ghcr.io": { username: "ada", password: "pass=word:2" },
      "localhost:5000": { username: "ci", password: "x" },
    });
  });

  it.each<[string, Record<string, string>, string]>([
    ["a source by its tag", { source: "acme/app:1.4.0" }, "Input source"],
    ["a target without a registry", { targets: "acme/app:1.4.0" }, "full references with their registry"],
    ["no target", { targets: "\n" }, "at least one full reference"],
    ["a target with another digest", { targets: `ghcr.io/a/b@sha256:${"b".repeat(64)}` }, "no other digest"],
    ["a registry that is none", { registry: "http://x" }, "Input registry"],
    ["credentials without a colon", { credentials: "ghcr.io=secret" }, "HOST=USERNAME:PASSWORD"],
  ])("refuse %s", (_name, values, message) => {
    expect(() => read(values)).toThrow(message);
  });

  it("never show a credential", () => {
    expect(() => read({ credentials: "not a host=ada:hunter2" })).toThrow(/^(?![\s\S]*hunter2)/);
    expect(() => read({ credentials: "ghcr.io=hunter2" })).toThrow(/^(?![\s\S]*hunter2)/);
    expect(() => read({ credentials: "hunter2" })).toThrow(/^(?![\s\S]*hunter2)/);
  });
});

describe("requirePromoted", () => {
  it("names every target that has not got the image, and nothing else", () => {
    const targets = [
      { reference: "a/x:1", status: "copied", bytes: 1 },
      { reference: "b/x:1", status: "failed", bytes: 0, error: "It is away." },
      { reference: "c/x:1", status: "refused", bytes: 0, error: "Taken." },
    ] as const;
    expect(() => requirePromoted({ digest, targets })).toThrow(
      `2 of 3 targets did not get ${digest}:\n- b/x:1: It is away.\n- c/x:1: Taken.`,
    );
    expect(() => requirePromoted({ digest, targets: targets.slice(0, 1) })).not.toThrow();
  });
});

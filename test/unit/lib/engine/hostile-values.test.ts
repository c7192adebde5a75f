import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/run-k8s-gpu-test/inputs.ts";
import { containerArguments } from "../../../../lib/engine/container-arguments.ts";
import { InputError } from "../../../../lib/error.ts";
import { imageTagOfBranch, namespaceOfBranch } from "../../../../lib/version/image-tag.ts";
import { actionInput } from "../../../support/action-input.ts";
import { testPodOf } from "../../../support/test-pod.ts";

const image = `localhost:32000/acme/app@sha256:${"a".repeat(64)}`;
const files = {
  bin: "/t/bin",
  out: "/t/out",
  control: "/t/control",
  envFile: "/t/env",
  logFile: "/t/log",
  inheritedEnv: {},
  files: [],
};
const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "--privileged",
    "-v=/:/host",
    "; rm -rf /",
    "$(id)",
    "`id`",
    "a\nb",
    "a\0b",
    "' --cap-add=ALL '",
    "../..",
    "x\n--network=host",
  ),
  fc.tuple(fc.constantFrom("-", "--", "a --", "a\n--"), fc.string()).map((parts) => parts.join("")),
);
const names = [
  "namespace",
  "runtime-class",
  "queue-name",
  "priority-class",
  "service-account",
  "image",
  "gpu-resource",
  "cpu",
  "run-as",
];

describe("hostile values", () => {
  it("are no name: 10,000 of them are refused as input errors or are plain words", () => {
    const given = actionInput("run-k8s-gpu-test", { image });
    const plain = /^[A-Za-z0-9][A-Za-z0-9./:@_-]*$/;
    fc.assert(
      fc.property(fc.constantFrom(...names), hostile, (name, value) => {
        if (value.trim() === "") return true;
        try {
          readInputs((input) => (input === name ? value : given(input)));
        } catch (error) {
          return error instanceof InputError;
        }
        return plain.test(value.trim());
      }),
      { numRuns: 10_000 },
    );
  });

  it("are never an option of podman: 10,000 of them stay within the argument that they belong to", () => {
    const argumentsOf = (value: string) =>
      containerArguments({
        engine: "podman",
        pod: testPodOf({ image, env: { A: value }, annotations: { a: value } }),
        command: ["/bin/sh", "-c", value],
        files,
        gpuArguments: [],
        limits: true,
      });
    const plain = argumentsOf("plain");
    fc.assert(
      fc.property(hostile, (value) => {
        const found = argumentsOf(value);
        expect(found).toEqual(plain.map((argument) => argument.replace("plain", () => value)));
      }),
      { numRuns: 10_000 },
    );
  });

  it("give a tag and a namespace as branches that every registry and cluster takes", () => {
    fc.assert(
      fc.property(hostile, (branch) => {
        expect(imageTagOfBranch(branch)).toMatch(/^[a-z0-9]([a-z0-9.-]{0,126}[a-z0-9])?$/);
        expect(namespaceOfBranch(branch)).toMatch(/^gpu-ci-[a-z0-9]([a-z0-9-]{0,54}[a-z0-9])?$/);
      }),
      { numRuns: 10_000 },
    );
  });
});

import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/build-base-image/inputs.ts";
import { actionInput } from "../../../support/action-input.ts";

describe("inputs of build-base-image", () => {
  const table: readonly [Record<string, string>, string][] = [
    [{ builder: "kaniko" }, 'Input builder is "kaniko"; allowed: auto, buildx, buildkit, buildah.'],
    [{ rebuild: "yes" }, 'Input rebuild is "yes"; allowed: auto, always, never.'],
    [{ "build-args": "A B=1" }, 'Input build-args is "A B"; allowed: lines of KEY=VALUE.'],
    [{ platforms: "amd64" }, 'Input platforms is "amd64"; allowed: os/architecture[/variant] such as linux/amd64.'],
    [{ tags: "a/b:1" }, 'Input tags is "a/b:1"; allowed: image tags without a repository, such as 1.4.0.'],
    [{ registry: "http://x" }, 'Input registry is "http://x"; allowed: auto, or host[:port].'],
    [{ "min-free": "much" }, 'Input min-free is "much"; allowed: a size such as 20Gi, 500M or a number of bytes.'],
    [{ username: "u" }, "Input password is empty; allowed: a value, because username and password are given together."],
    [{ output: "a:b" }, 'Input output is "a:b"; allowed: a path without a colon.'],
  ];

  it.each(table)("%j is refused", (values, message) => {
    expect(() => readInputs(actionInput("build-base-image", values))).toThrow(message);
  });
});

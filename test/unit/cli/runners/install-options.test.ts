import { describe, expect, it } from "vitest";
import { chartValues, readInstallation } from "../../../../cli/runners/install-options.ts";

const image = (name: string) => `localhost:32000/${name}@sha256:${"0".repeat(64)}`;
const given = (change: Record<string, string> = {}) =>
  new Map(
    Object.entries({
      scope: "org:acme",
      "runner-image": image("runner"),
      "controller-image": image("gpu-ci"),
      ...change,
    }),
  );

describe("readInstallation", () => {
  it("reads an installation for GitHub by default", () => {
    expect(readInstallation(given())).toEqual({
      forge: "https://github.com",
      kind: "github",
      scope: "org:acme",
      runnerImage: image("runner"),
      controllerImage: image("gpu-ci"),
      replicas: 2,
      labels: ["self-hosted", "gpu"],
      release: "gpu-ci",
      valueFiles: [],
      timeoutMs: 600_000,
    });
  });

  it("takes every other forge for a Gitea, unless it is told otherwise", () => {
    expect(readInstallation(given({ forge: "https://git.acme.test/", scope: "instance" }))).toMatchObject({
      forge: "https://git.acme.test",
      kind: "gitea",
      scope: "instance",
    });
    expect(readInstallation(given({ forge: "https://ghes.acme.test", kind: "github" })).kind).toBe("github");
  });

  it.each([
    ["scope", "acme"],
    ["scope", "instance"],
    ["runner-image", "localhost:32000/runner:latest"],
    ["controller-image", ""],
    ["replicas", "501"],
    ["labels", "gpu:host"],
    ["timeout", "soon"],
    ["forge", "github.com"],
    ["kind", "gitlab"],
    ["release", "A"],
  ])("refuses --%s %s", (name, value) => {
    expect(() => readInstallation(given({ [name]: value }))).toThrow(`Input ${name} is `);
  });
});

describe("chartValues", () => {
  it("names the token's Secret, and holds no token", () => {
    expect(chartValues(readInstallation(given({ labels: "gpu,big" })))).toEqual({
      mode: "plain",
      forge: { kind: "github", url: "https://github.com", scope: "org:acme", tokenSecret: "gpu-ci-runners-token" },
      replicas: 2,
      labels: ["gpu", "big"],
      runner: { image: image("runner") },
      controller: { image: image("gpu-ci") },
    });
  });
});

import { describe, expect, it } from "vitest";
import { testIdentity } from "../../../../lib/engine/test-identity.ts";

const run = {
  id: "123",
  attempt: 2,
  matrix: "",
  url: undefined,
  actor: undefined,
  repository: undefined,
  commit: undefined,
};
const expires = new Date("2026-01-01T00:00:00Z");

describe("testIdentity", () => {
  it("names everything by run, attempt and matrix leg", () => {
    const told = { actor: "ada", url: "https://forge/r/1", runnerPod: "team-runner-x" };
    expect(testIdentity({ ...run, ...told }, expires)).toEqual({
      name: "gpu-ci-123-2",
      run: "123-2",
      labels: { "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": "123-2" },
      annotations: {
        "gpu-ci/expires": "2026-01-01T00:00:00.000Z",
        "gpu-ci/run-url": "https://forge/r/1",
        "gpu-ci/actor": "ada",
        "gpu-ci/runner-pod": "team-runner-x",
      },
    });
    const legs = ["test/py311", "test/py312"].map((matrix) => testIdentity({ ...run, matrix }, expires).name);
    expect(new Set(legs).size).toBe(2);
    expect(legs[0]).toMatch(/^gpu-ci-123-2-[0-9a-f]{8}$/);
  });

  it("names a further try apart, and leaves its label", () => {
    const retried = testIdentity(run, expires, 2);
    expect([retried.name, retried.run]).toEqual(["gpu-ci-123-2-r2", "123-2"]);
  });

  it.each(["Host_Name.with/odd#letters", "x".repeat(200), "___"])("makes a DNS label of run id %s", (id) => {
    expect(testIdentity({ ...run, id, matrix: "leg" }, expires).name).toMatch(/^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])$/);
  });
});

import { describe, expect, it } from "vitest";
import { runBundle } from "../support/bundle.ts";

const image = `localhost:9/app@sha256:${"a".repeat(64)}`;

describe("run-k8s-gpu-test, the bundle", () => {
  it("refuses a wrong input at once, and says so in its outputs too", async () => {
    const { exitCode, stdout, outputs } = await runBundle("run-k8s-gpu-test", { inputs: { image, gpus: "many" } });
    const message = 'Input gpus is "many"; allowed: auto, or a whole number of GPUs.';
    expect(exitCode).toBe(2);
    expect(stdout).toContain(`::error::${message}`);
    expect(outputs).toEqual({ conclusion: "usage", reason: "usage", "reason-detail": message, retryable: "false" });
  });

  it("names the kubeconfig that is not there, as infrastructure", async () => {
    const inputs = { image, command: "true", engine: "kubernetes", kubeconfig: "no/such/file" };
    const { exitCode, outputs } = await runBundle("run-k8s-gpu-test", { inputs });
    expect(exitCode).toBe(3);
    expect(outputs).toMatchObject({ conclusion: "infrastructure", reason: "not-started" });
    expect(outputs["reason-detail"]).toContain("no/such/file");
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runBundle } from "../support/bundle.ts";
import { pushDatedImage } from "../support/dated-image.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";

let registry: TestRegistry;

beforeAll(async () => {
  registry = await startRegistry({ deletes: true });
  for (const [tag, days] of [
    ["old", 30],
    ["new", 1],
  ] as const) {
    await pushDatedImage({ registry: registry.host, repository: "acme/app", tags: [tag], days });
  }
});
afterAll(() => registry[Symbol.asyncDispose]());

const care = (inputs: Record<string, string>) =>
  runBundle("registry-care", { inputs: { registry: registry.host, ...inputs }, env: { HOME: "/nonexistent" } });

describe("the registry-care bundle", () => {
  it("ends with 2 before it asks the registry where nobody says what to keep", async () => {
    const { exitCode, stdout } = await care({ registry: "localhost:1" });
    expect([exitCode, stdout]).toEqual([2, expect.stringContaining("::error::Input keep-last is empty")]);
  });

  it("deletes what is old, writes every output, and a summary", async () => {
    const { exitCode, outputs, summary } = await care({ "keep-days": "14" });
    expect([exitCode, outputs]).toEqual([
      0,
      {
        registry: registry.host,
        removed: "1",
        kept: "1",
        "freed-bytes": "0",
        "unused-bytes": expect.stringMatching(/^[1-9]\d*$/),
        "kept-bytes": expect.stringMatching(/^[1-9]\d*$/),
        garbage: "off",
        damaged: "",
        report: expect.stringMatching(/registry-care\.json$/),
      },
    ]);
    expect(summary).toContain("| acme/app:old |");
  });

  it("ends with 3, its outputs written, where the registry is in use", async () => {
    const gc = { gc: "host", "gc-config": registry.configuration };
    const { exitCode, outputs, stdout } = await care({ "keep-days": "14", ...gc });
    expect([exitCode, outputs.garbage, outputs.kept]).toEqual([3, "refused", "1"]);
    expect(stdout).toContain(`::error::${registry.host} is in use, and no garbage was collected.`);
  });
});

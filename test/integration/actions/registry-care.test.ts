import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../../actions/registry-care/inputs.ts";
import { registryCare, requireCared } from "../../../actions/registry-care/registry-care.ts";
import { silentLog } from "../../../lib/log.ts";
import { listTags } from "../../../lib/oci/registry-catalog.ts";
import { openRegistry } from "../../../lib/oci/registry-client.ts";
import { actionInput } from "../../support/action-input.ts";
import { ageFiles, pushDatedImage } from "../../support/dated-image.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";
import { createTestHost } from "../../support/test-host.ts";

let registry: TestRegistry;

beforeAll(async () => {
  registry = await startRegistry({ deletes: true });
});
afterAll(() => registry[Symbol.asyncDispose]());

async function care(inputs: Record<string, string>) {
  await using host = createTestHost({ env: { PATH: process.env.PATH, HOME: "/nonexistent" } });
  const summaries: string[] = [];
  const outputs = await registryCare(readInputs(actionInput("registry-care", { registry: registry.host, ...inputs })), {
    ...host,
    summary: async (text) => void summaries.push(text),
  });
  const report = JSON.parse(await readFile(outputs.report, "utf8")) as Record<string, unknown>;
  return { outputs, report, lines: host.lines, summary: summaries.join("") };
}

const push = (tag: string, days: number) =>
  pushDatedImage({ registry: registry.host, repository: "acme/app", tags: [tag], days });

async function tags(): Promise<readonly string[]> {
  using client = openRegistry({ registry: registry.host, env: {}, log: silentLog });
  return listTags(client, "acme/app");
}

describe("registryCare", () => {
  it("tells what would go in the log, the summary, a report and outputs, and then lets it go and frees its bytes", async () => {
    const old = await push("fix_1", 30);
    await push("main", 2);
    const dry = await care({ "keep-days": "14", "dry-run": "true" });
    expect(dry.outputs).toMatchObject({ registry: registry.host, removed: 1, kept: 1, freedBytes: 0, garbage: "off" });
    expect(dry.lines).toContain(`goes   acme/app:fix_1  ${old.slice(7, 19)}  30 days old`);
    expect(dry.summary).toContain(`| acme/app:fix&#95;1 | \`${old.slice(7, 19)}\` | 30 days old |`);
    expect(dry.summary).toContain("| would go | digest | why |");
    expect(dry.report).toMatchObject({ dryRun: true, deleted: [], verdicts: [{ tag: "fix_1" }, { tag: "main" }] });
    expect(await tags()).toEqual(["fix_1", "main"]);

    const gone = await care({ "keep-days": "14" });
    expect(gone.outputs).toMatchObject({ removed: 1, kept: 1, freedBytes: 0, garbage: "off" });
    expect(gone.summary).toContain("| gone | digest | why |");
    expect(await tags()).toEqual(["main"]);

    const gc = { "keep-days": "14", gc: "host", "gc-config": registry.configuration };
    const busy = await care(gc);
    expect(busy.outputs).toMatchObject({ removed: 0, garbage: "refused", freedBytes: 0 });
    expect(busy.lines.at(-1)).toContain("Something was pushed");
    expect(() => requireCared(busy.outputs)).toThrow(`${registry.host} is in use, and no garbage was collected.`);

    await ageFiles(registry.root);
    const { outputs } = await care({ ...gc, protect: "main" });
    expect(outputs).toMatchObject({ removed: 0, kept: 1, garbage: "collected", damaged: [] });
    expect(outputs.freedBytes).toBeGreaterThanOrEqual(gone.outputs.unusedBytes);
    expect(() => requireCared(outputs)).not.toThrow();
  });

  it("lets nothing go where nobody says what to keep", async () => {
    await expect(care({})).rejects.toThrow("Input keep-last is empty; allowed: a number here or in keep-days");
  });

  it("names images that a collection left damaged as a failure of their own", () => {
    const damaged = [`acme/app@sha256:${"a".repeat(64)}`];
    const outputs = {
      registry: "r:5000",
      removed: 0,
      kept: 1,
      freedBytes: 1,
      unusedBytes: 1,
      keptBytes: 1,
      report: "",
    };
    expect(() => requireCared({ ...outputs, garbage: "collected", damaged })).toThrow(
      `Images of r:5000 cannot be pulled:\n${damaged[0]}`,
    );
  });
});

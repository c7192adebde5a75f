import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runBundle } from "../support/bundle.ts";
import { pushDatedImage } from "../support/dated-image.ts";
import { freePort, startRegistry, type TestRegistry } from "../support/registry.ts";

let near: TestRegistry;
let far: TestRegistry;
let digest: string;

beforeAll(async () => {
  [near, far] = await Promise.all([startRegistry(), startRegistry()]);
  digest = await pushDatedImage({ registry: near.host, repository: "acme/app", tags: ["main"] });
});
afterAll(async () => {
  await near[Symbol.asyncDispose]();
  await far[Symbol.asyncDispose]();
});

const promote = (targets: readonly string[], inputs: Readonly<Record<string, string>> = {}) =>
  runBundle("promote-image", {
    inputs: { source: `${near.host}/acme/app@${digest}`, targets: targets.join("\n"), ...inputs },
    env: { HOME: "/nonexistent", KUBECONFIG: "" },
  });

describe("the promote-image bundle", () => {
  it("copies, writes every output and a summary", async () => {
    const reference = `${far.host}/acme/app:1.0.0`;
    const { exitCode, outputs, summary } = await promote([reference]);
    expect([exitCode, outputs.digest]).toEqual([0, digest]);
    expect(JSON.parse(outputs.targets ?? "")).toEqual([{ reference, status: "copied", bytes: expect.any(Number) }]);
    expect(summary).toContain(digest);
  });

  it("ends with 3 when a target did not get it, and still writes what became of the others", async () => {
    const nobody = `localhost:${await freePort()}`;
    const { exitCode, outputs, stdout } = await promote([`${nobody}/acme/app:1`, `${far.host}/acme/second:1`]);
    const targets = JSON.parse(outputs.targets ?? "") as { status: string }[];
    expect([exitCode, targets.map(({ status }) => status)]).toEqual([3, ["failed", "copied"]]);
    expect(stdout).toContain(`::error::1 of 2 targets did not get ${digest}`);
  });

  it("ends with 2 for a wrong input and hides the passwords it was given", async () => {
    expect((await promote(["acme/app"])).exitCode).toBe(2);
    const { stdout } = await promote([`${far.host}/acme/app:main`], { credentials: `${far.host}=ada:hunter22` });
    expect(stdout.replaceAll("::add-mask::hunter22", "")).not.toContain("hunter22");
  });
});

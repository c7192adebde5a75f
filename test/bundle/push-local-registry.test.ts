import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runBundle } from "../support/bundle.ts";
import { type TestDescriptor, writeLayout } from "../support/image-layout.ts";
import { freePort, startRegistry, type TestRegistry } from "../support/registry.ts";
import { startRegistryProxy } from "../support/registry-proxy.ts";

let folder: string;
let registry: TestRegistry;
let manifest: TestDescriptor;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-bundle-push-"));
  registry = await startRegistry();
  manifest = await writeLayout(join(folder, "layout"), { layers: [randomBytes(100_000)] });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const push = (inputs: Record<string, string>, signal?: AbortSignal) =>
  runBundle("push-local-registry", {
    cwd: folder,
    inputs: { source: "layout", image: "acme/base", registry: registry.host, ...inputs },
    env: { HOME: folder, KUBECONFIG: "" },
    ...(signal ? { signal } : {}),
  });

describe("the push-local-registry bundle", () => {
  it("pushes and writes every output", async () => {
    const { exitCode, outputs } = await push({ tags: "1" });
    const reference = `${registry.host}/acme/base@${manifest.digest}`;
    expect([exitCode, outputs]).toEqual([
      0,
      {
        registry: registry.host,
        "push-ref": reference,
        "pull-ref": reference,
        "in-cluster-ref": "",
        digest: manifest.digest,
        "pushed-bytes": outputs["pushed-bytes"],
        "skipped-bytes": "0",
        verified: "size",
      },
    ]);
  });

  it("ends with 2 for a wrong input, and with 3 for a registry that is away", async () => {
    const wrong = await push({ verify: "maybe" });
    expect([wrong.exitCode, wrong.stdout]).toEqual([
      2,
      '::error::Input verify is "maybe"; allowed: none, size, full.\n',
    ]);
    const away = await push({ registry: `localhost:${await freePort()}` });
    expect(away.exitCode).toBe(3);
    expect(away.stdout).toContain("::error::Registry localhost:");
  });

  it("ends with 130 when it is cancelled in the middle of a blob", async () => {
    const controller = new AbortController();
    await using proxy = await startRegistryProxy(registry.host, ({ method }) => {
      if (method !== "PUT") return undefined;
      controller.abort();
      return "stall";
    });
    const { exitCode } = await push({ registry: proxy.host, image: "acme/cancelled" }, controller.signal);
    expect(exitCode).toBe(130);
  });
});

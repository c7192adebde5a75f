import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../../actions/promote-image/inputs.ts";
import { promoteImage } from "../../../actions/promote-image/promote-image.ts";
import { exec } from "../../../lib/exec.ts";
import { silentLog } from "../../../lib/log.ts";
import { openRegistry } from "../../../lib/oci/registry-client.ts";
import { verifyImage } from "../../../lib/oci/verify-image.ts";
import { actionInput } from "../../support/action-input.ts";
import { pushDatedImage } from "../../support/dated-image.ts";
import { freePort, startRegistry, type TestRegistry } from "../../support/registry.ts";
import { startRegistryProxy } from "../../support/registry-proxy.ts";
import { createTestHost } from "../../support/test-host.ts";

let near: TestRegistry;
let far: TestRegistry;
let digest: string;
const size = 300_000;

beforeAll(async () => {
  [near, far] = await Promise.all([startRegistry(), startRegistry()]);
  const layers = [randomBytes(size), randomBytes(1000)];
  digest = await pushDatedImage({ registry: near.host, repository: "acme/app", tags: ["main"], layers });
});
afterAll(async () => {
  await near[Symbol.asyncDispose]();
  await far[Symbol.asyncDispose]();
});

async function promote(targets: readonly string[], inputs: Record<string, string> = {}) {
  await using host = createTestHost({ env: { HOME: "/nonexistent" } });
  const summaries: string[] = [];
  const source = `${near.host}/acme/app@${digest}`;
  const outputs = await promoteImage(
    readInputs(actionInput("promote-image", { source, targets: targets.join("\n"), ...inputs })),
    { ...host, summary: async (text) => void summaries.push(text) },
  );
  return { ...outputs, statuses: outputs.targets.map(({ status }) => status), lines: host.lines, summaries };
}

async function digestOf(reference: string): Promise<string> {
  const args = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", `docker://${reference}`];
  return (await exec("skopeo", args)).stdout.trim();
}

describe("promoteImage", () => {
  it("gives the same digest to two registries, mounted in its own, and moves nothing the second time", async () => {
    await using counted = await startRegistryProxy(far.host);
    const targets = [
      `${near.host}/team/app:1.0.0`,
      `${counted.host}/team/app:1.0.0`,
      `${counted.host}/other/app:latest`,
    ];
    const first = await promote(targets);
    expect(first.targets).toEqual([
      { reference: targets[0], status: "copied", bytes: 0 },
      { reference: targets[1], status: "copied", bytes: first.targets[1]?.bytes },
      { reference: targets[2], status: "copied", bytes: 0 },
    ]);
    expect(first.targets[1]?.bytes).toBeGreaterThan(size);
    expect(await Promise.all(targets.map(digestOf))).toEqual([digest, digest, digest]);
    counted.requests.length = 0;
    const second = await promote(targets);
    expect(second.statuses).toEqual(["unchanged", "unchanged", "unchanged"]);
    expect(counted.requests.filter(({ method }) => method !== "HEAD")).toEqual([]);
    expect(second.summaries).toEqual([expect.stringContaining("| unchanged | 0 B |")]);
  });

  it("refuses to move a version, moves another tag, and goes on", async () => {
    const push = (tag: string) => pushDatedImage({ registry: far.host, repository: "acme/taken", tags: [tag] });
    const taken = await push("v2.0.0-rc.1");
    await push("latest");
    const { statuses, targets } = await promote([
      `${far.host}/acme/taken:v2.0.0-rc.1`,
      `${far.host}/acme/taken:latest`,
    ]);
    expect(statuses).toEqual(["refused", "copied"]);
    expect(targets[0]?.error).toContain(taken);
    expect(await digestOf(`${far.host}/acme/taken:v2.0.0-rc.1`)).toBe(taken);
    expect(await digestOf(`${far.host}/acme/taken:latest`)).toBe(digest);
  });

  it("does not stop at a registry that is away, and says of each target what became of it", async () => {
    const nobody = `localhost:${await freePort()}`;
    const { targets } = await promote([`${nobody}/acme/app:1`, `${far.host}/acme/second:1`]);
    expect(targets).toEqual([
      { reference: `${nobody}/acme/app:1`, status: "failed", bytes: 0, error: expect.stringContaining(nobody) },
      { reference: `${far.host}/acme/second:1`, status: "copied", bytes: expect.any(Number) },
    ]);
  });

  it("goes on where it broke off: only the blob that is missing is sent again", async () => {
    let uploads = 0;
    // The second one is refused with no status that is tried again: the target is given up after its largest blob.
    await using proxy = await startRegistryProxy(far.host, ({ method, path }) =>
      method === "PUT" && path.includes("/uploads/") && ++uploads === 2 ? { status: 403 } : undefined,
    );
    const target = `${proxy.host}/acme/resumed:1`;
    expect((await promote([target], { parallel: "1" })).statuses).toEqual(["failed"]);
    const { statuses, targets } = await promote([target], { parallel: "1" });
    expect(statuses).toEqual(["copied"]);
    expect(targets[0]?.bytes).toBeLessThan(3000);
    using client = openRegistry({ registry: far.host, env: {}, log: silentLog });
    expect(await verifyImage(client, "acme/resumed", digest, "full")).toBe("full");
  });

  it("bears a blob that is reset on its way and an acknowledgement that is lost", async () => {
    await using proxy = await startRegistryProxy(far.host, ({ method, path }, earlier) => {
      if (method !== "PUT" || earlier > 0) return undefined;
      return path.includes("/manifests/") ? "lose-answer" : { resetAfterBytes: 50_000 };
    });
    expect((await promote([`${proxy.host}/acme/faults:1`])).statuses).toEqual(["copied"]);
    expect(await digestOf(`${far.host}/acme/faults:1`)).toBe(digest);
  });

  it("stores it by its digest alone where no tag was given, and promotes an index whole", async () => {
    const index = await pushDatedImage({ registry: near.host, repository: "acme/multi", tags: [], index: true });
    const source = `${near.host}/acme/multi@${index}`;
    const { statuses } = await promote([`${far.host}/acme/multi`], { source });
    expect(statuses).toEqual(["copied"]);
    using client = openRegistry({ registry: far.host, env: {}, log: silentLog });
    expect(await verifyImage(client, "acme/multi", index, "full")).toBe("full");
  });

  it("changes nothing in a dry run", async () => {
    await using proxy = await startRegistryProxy(far.host);
    expect((await promote([`${proxy.host}/acme/dry:1`], { "dry-run": "true" })).statuses).toEqual(["planned"]);
    expect(proxy.requests.map(({ method }) => method)).toEqual(["HEAD"]);
  });

  it("fails before it touches a target when the source is not there", async () => {
    await using proxy = await startRegistryProxy(far.host);
    const source = `${near.host}/acme/app@sha256:${"0".repeat(64)}`;
    await expect(promote([`${proxy.host}/acme/app:1`], { source })).rejects.toMatchObject({ code: "image-absent" });
    expect(proxy.requests).toEqual([]);
  });

  it("shows the credentials of a registry to that registry alone", async () => {
    const challenge = { status: 401, headers: { "www-authenticate": 'Basic realm="test"' } };
    const asks = ({ authorization }: { authorization: string | undefined }) => (authorization ? undefined : challenge);
    await using one = await startRegistryProxy(far.host, asks);
    await using other = await startRegistryProxy(far.host, asks);
    const targets = [`${one.host}/acme/secret:1`, `${other.host}/acme/secret:1`];
    const { statuses, lines } = await promote(targets, { credentials: `${one.host}=ada:hunter2` });
    expect(statuses).toEqual(["copied", "failed"]);
    expect(new Set(one.requests.map(({ authorization }) => authorization))).toContain("Basic YWRhOmh1bnRlcjI=");
    expect(other.requests.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
    expect(lines.join("\n")).not.toContain("hunter2");
  });
});

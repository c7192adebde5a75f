import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/push-local-registry/inputs.ts";
import { pushLocalRegistry } from "../../actions/push-local-registry/push-local-registry.ts";
import { DomainError } from "../../lib/error.ts";
import { listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { provePull } from "../../lib/kubernetes/pull-proof.ts";
import { namespaces, nodes, pods } from "../../lib/kubernetes/resource.ts";
import { actionInput } from "../support/action-input.ts";
import { writeLayout } from "../support/image-layout.ts";
import { findCertsFolder } from "../support/node-certs.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost, type TestHost } from "../support/test-host.ts";

let real: RealCluster;
beforeAll(async () => {
  real = await openRealCluster("push");
  const patch = { metadata: { labels: { "pod-security.kubernetes.io/enforce": "restricted" } } };
  await patchObject(real.cluster, namespaces, real.namespace, { patch });
});
afterAll(() => real[Symbol.asyncDispose]());

async function push(host: TestHost, inputs: Record<string, string>) {
  const layout = join(host.tempDirectory, "layout");
  if (!existsSync(layout)) await writeLayout(layout, { layers: [emptyTar()] });
  const given = { source: layout, image: "push/proof", namespace: real.namespace, "verify-pull": "node", ...inputs };
  return pushLocalRegistry(readInputs(actionInput("push-local-registry", given)), host);
}

/** No two are the same: what lies behind the end of a tar is not read. */
const emptyTar = () => Buffer.concat([Buffer.alloc(1024), randomBytes(1024)]);

const podsLeft = async () => (await listObjects(real.cluster, pods)).items.map(({ metadata }) => metadata?.name);

describe("push-local-registry with verify-pull: node", () => {
  it("lets a node pull the digest in a namespace that enforces restricted, and removes the pod", async () => {
    await using host = createTestHost();
    const { pullRef } = await push(host, {});
    expect(host.lines.at(-2)).toBe(`A node pulls ${pullRef}, within 10 m 0 s at the most.`);
    expect(host.lines.at(-1)).toMatch(/^Node \S+ pulled it: /);
    expect(await podsLeft()).toEqual([]);
  });

  it("prints the hosts.toml that the node lacks, with which it pulls", async () => {
    const { items } = await listObjects(real.cluster, nodes);
    const address = items[0]?.status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
    const registry = `${address}:${process.env.REGISTRY?.split(":")[1]}`;
    const file = join(findCertsFolder(), registry, "hosts.toml");
    await using host = createTestHost();
    const inputs = { registry, "tls-verify": "false" };
    const error = await push(host, inputs).catch((reason: unknown) => reason);
    if (!(error instanceof DomainError)) throw error;
    expect(error.code).toBe("node-cannot-pull");
    expect(error.message).toContain(`it asks ${registry} for HTTPS, and plain HTTP answers; it has no hosts.toml`);
    expect(error.hint).toContain(`certs.d/${registry}/hosts.toml on ${items[0]?.metadata?.name}:`);
    expect(await podsLeft()).toEqual([]);

    await mkdir(dirname(file), { recursive: true });
    try {
      const lines = error.hint?.split("\n").filter((line) => line.startsWith("    ")) ?? [];
      await writeFile(file, lines.join("\n"));
      await push(host, inputs);
      // Where a wrong one sends the node is said: here to something that is no registry of ours.
      await writeFile(file, `[host."https://${address}:${real.api.port}"]\n`);
      const wrong = await push(host, inputs).catch((reason: unknown) => reason);
      expect(wrong).toMatchObject({ code: "node-cannot-pull" });
      expect(String(wrong)).toContain(
        `it does not trust the certificate of ${registry} at ${address}:${real.api.port}, where its hosts.toml sends it`,
      );
    } finally {
      await rm(dirname(file), { recursive: true });
    }
  });

  it("cancelled while a node tries leaves no pod", async () => {
    const cancel = new AbortController();
    const reason = new Error("cancelled by the test");
    const image = `registry.invalid:5000/acme/base@sha256:${"0".repeat(64)}`;
    const labels = { "app.kubernetes.io/managed-by": "gpu-ci" };
    const proof = provePull(real.cluster, { image, labels, annotations: {}, timeoutMs: 60_000, signal: cancel.signal });
    proof.catch(() => {});
    await expect.poll(podsLeft, { timeout: 30_000 }).toHaveLength(1);
    cancel.abort(reason);
    await expect(proof).rejects.toBe(reason);
    await expect.poll(podsLeft, { timeout: 30_000 }).toEqual([]);
  });
});

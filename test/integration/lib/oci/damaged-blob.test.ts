import { randomBytes } from "node:crypto";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/push-local-registry/inputs.ts";
import { pushLocalRegistry } from "../../../../actions/push-local-registry/push-local-registry.ts";
import { DomainError } from "../../../../lib/error.ts";
import { digestOf } from "../../../../lib/oci/digest.ts";
import { actionInput } from "../../../support/action-input.ts";
import { writeLayout } from "../../../support/image-layout.ts";
import { startRegistry } from "../../../support/registry.ts";
import { startRegistryProxy } from "../../../support/registry-proxy.ts";
import { createTestHost } from "../../../support/test-host.ts";

const env = { PATH: process.env.PATH, HOME: "/nonexistent", KUBECONFIG: "" };
const layer = randomBytes(30_000);
const file = `docker/registry/v2/blobs/sha256/${digestOf(layer).slice(7, 9)}/${digestOf(layer).slice(7)}/data`;

const faults = [
  ["cut", "size", "100 bytes instead of 30000", (path: string) => truncate(path, 100)],
  ["emptied", "size", "0 bytes instead of 30000", (path: string) => truncate(path, 0)],
  ["flipped", "full", "other bytes than its digest says", (path: string) => flip(path)],
] as const;

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

/** Pushes an image, harms its blob in the registry's storage, and gives what pushes it again through another host. */
async function harmed(
  host: ReturnType<typeof createTestHost>,
  root: string,
  registry: string,
  harm: (path: string) => Promise<void>,
) {
  const layout = join(host.tempDirectory, "layout");
  await writeLayout(layout, { layers: [layer] });
  const push = (verify: string, through = registry) => {
    const inputs = { source: layout, image: "acme/harmed", tags: "1", registry: through, verify };
    return pushLocalRegistry(readInputs(actionInput("push-local-registry", inputs)), host);
  };
  await push("full");
  await harm(join(root, file));
  return push;
}

describe("a blob that is damaged in the registry", () => {
  it.each(faults)(
    "and %s is named with its file by a registry that keeps it, and whole when that is removed",
    async (_what, verify, observed, harm) => {
      await using host = createTestHost({ env });
      await using registry = await startRegistry();
      const push = await harmed(host, registry.root, registry.host, harm);
      const error = await push(verify).catch((reason: unknown) => reason);
      if (!(error instanceof DomainError)) throw error;
      expect(error.code).toBe("registry-blob-damaged");
      expect(error.message).toBe(
        `Blob ${digestOf(layer)} of ${registry.host}/acme/harmed is damaged in the registry: ${observed}, also after deleting and sending it again.`,
      );
      expect(error.hint).toContain(`as ${file} in its storage.`);

      await rm(join(registry.root, file));
      await push("full");
    },
  );

  it.each(faults)("and %s is mended where deleting it deletes it", async (_what, verify, _observed, harm) => {
    await using host = createTestHost({ env });
    await using registry = await startRegistry();
    const push = await harmed(host, registry.root, registry.host, harm);
    // This registry keeps what it was told to delete; others do not.
    await using thorough = await startRegistryProxy(registry.host, ({ method }) =>
      method === "DELETE" ? { before: () => rm(join(registry.root, file)) } : undefined,
    );
    expect((await push(verify, thorough.host)).verified).toBe(verify);
    expect((await push("full")).pushedBytes).toBe(0);
  });

  it("is sent again to a registry that does not delete, and named", async () => {
    await using host = createTestHost({ env });
    await using registry = await startRegistry({ deletes: false });
    const push = await harmed(host, registry.root, registry.host, (path) => truncate(path, 100));
    await expect(push("size")).rejects.toMatchObject({ code: "registry-blob-damaged" });
  });

  it("is not deleted when the registry itself is the source", async () => {
    await using host = createTestHost({ env });
    await using registry = await startRegistry();
    const push = await harmed(host, registry.root, registry.host, flip);
    const { pushRef } = await push("none");
    const inputs = { source: pushRef, image: "acme/harmed", registry: registry.host, verify: "full" };
    await expect(pushLocalRegistry(readInputs(actionInput("push-local-registry", inputs)), host)).rejects.toMatchObject(
      { code: "registry-blob-damaged" },
    );
    const stored = await fetch(`http://${registry.host}/v2/acme/harmed/blobs/${digestOf(layer)}`, { method: "HEAD" });
    expect(stored.status).toBe(200);
  });
});

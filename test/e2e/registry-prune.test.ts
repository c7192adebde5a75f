import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRegistryPod } from "../../actions/registry-care/storage-hosts.ts";
import { commandLine } from "../../cli/command-line.ts";
import { silentLog } from "../../lib/log.ts";
import { listTags } from "../../lib/oci/registry-catalog.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { verifyImage } from "../../lib/oci/verify-image.ts";
import { runBundle } from "../support/bundle.ts";
import { pushDatedImage } from "../support/dated-image.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { startRegistryPod } from "../support/registry-pod.ts";

let real: RealCluster;
let registry: string;

beforeAll(async () => {
  real = await openRealCluster("prune");
  registry = await startRegistryPod(real);
});
afterAll(() => real[Symbol.asyncDispose]());

const open = () => openRegistry({ registry, tlsVerify: false, env: {}, log: silentLog });
const pod = () =>
  openRegistryPod(real.cluster, { namespace: real.namespace, selector: "app=registry" }, new AbortController().signal);

async function prune(...args: readonly string[]) {
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (chunk: string | Uint8Array) => {
      text[name] += String(chunk);
      return true;
    },
  });
  // Other tests' runs on the same cluster would make it refuse.
  const fixed = ["--registry", registry, "--tls-verify", "false", "--no-check-pods", "--gc", "pod", "--gc-pod"];
  const argv = ["registry", "prune", ...fixed, `${real.namespace}/app=registry`, "--json", ...args];
  const status = await commandLine(argv, { stdout: stream("stdout"), stderr: stream("stderr"), env: process.env });
  return { status, ...text };
}

/** The registry has to seem quiet: no test waits for ten minutes. */
async function seemQuiet(): Promise<void> {
  const files = await pod();
  await files.run(["find", "/var/lib/registry", "-type", "f", "-exec", "touch", "-d", "2026-01-01 00:00", "{}", "+"]);
}

describe("gpu-ci registry prune with the registry in a pod", () => {
  it("refuses while something was just pushed, then frees the bytes and restarts the registry, which is whole", async () => {
    const shared = randomBytes(500_000);
    const own = randomBytes(400_000);
    const push = (tag: string, days: number, ...layers: readonly Buffer[]) =>
      pushDatedImage({ registry, repository: "acme/app", tags: [tag], days, layers, tlsVerify: false });
    await push("old", 30, shared, own);
    const kept = await push("new", 1, shared);

    const dry = await prune("--keep-days", "14", "--check-pods", "--dry-run");
    expect([dry.status, dry.stderr.includes("not looked at")]).toEqual([0, false]);

    const busy = await prune("--keep-days", "14");
    expect([busy.status, busy.stdout]).toEqual([3, expect.stringContaining("Something was pushed")]);

    await seemQuiet();
    const { status, stdout } = await prune("--keep-days", "14");
    const { garbage } = JSON.parse(stdout) as { garbage: { freedBytes: number; damaged: unknown[] } };
    expect([status, garbage.damaged]).toEqual([0, []]);
    expect(garbage.freedBytes).toBeGreaterThan(400_000);
    expect(garbage.freedBytes).toBeLessThan(410_000);

    using client = open();
    expect(await listTags(client, "acme/app")).toEqual(["new"]);
    expect(await verifyImage(client, "acme/app", kept, "full")).toBe("full");
    // A registry that still remembered the old layer would let this push leave it out.
    const again = await push("again", 1, own);
    expect(await verifyImage(client, "acme/app", again, "full")).toBe("full");
  });

  it("says which pod it did not find", async () => {
    const found = openRegistryPod(
      real.cluster,
      { namespace: real.namespace, selector: "app=other" },
      new AbortController().signal,
    );
    await expect(found).rejects.toMatchObject({ code: "registry-pod-absent" });
  });
});

describe("registry-care as a workflow runs it", () => {
  const kubeconfig = process.env.KUBECONFIG ?? "";

  it("deletes, collects in the registry's pod, and writes what it freed", async () => {
    const push = (tag: string, days: number) =>
      pushDatedImage({ registry, repository: "acme/care", tags: [tag], days, tlsVerify: false });
    await push("old", 30);
    await push("main", 30);
    await seemQuiet();
    const { exitCode, outputs, stdout } = await runBundle("registry-care", {
      inputs: {
        registry,
        repository: "acme/care",
        "keep-days": "14",
        protect: "main",
        "tls-verify": "false",
        // Other tests' runs on the same cluster would make it refuse.
        "check-pods": "false",
        gc: "pod",
        "gc-pod": `${real.namespace}/app=registry`,
        kubeconfig,
      },
    });
    expect([exitCode, outputs], stdout).toEqual([
      0,
      expect.objectContaining({ removed: "1", kept: "1", garbage: "collected", damaged: "" }),
    ]);
    expect(Number(outputs["freed-bytes"])).toBeGreaterThan(0);
    using client = open();
    expect(await listTags(client, "acme/care")).toEqual(["main"]);
  });

  it("says in a dry run what would become of the cluster's own registry, the pods of all namespaces asked", async () => {
    const { exitCode, outputs, stdout, summary } = await runBundle("registry-care", {
      inputs: { "keep-last": "1", "dry-run": "true", kubeconfig },
    });
    expect([exitCode, outputs.garbage], stdout).toEqual([0, "off"]);
    expect(outputs.registry).toBe(process.env.REGISTRY);
    expect(Number(outputs.kept)).toBeGreaterThan(0);
    expect(stdout).not.toContain("are not looked at");
    expect(summary).toContain("Dry run: nothing was changed.");
  });
});

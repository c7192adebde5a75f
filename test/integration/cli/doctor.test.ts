import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exposureFindings, reachableAddresses } from "../../../cli/doctor/exposure-findings.ts";
import { registryDiskFindings } from "../../../cli/doctor/registry-disk-findings.ts";
import { runDoctor } from "../../support/doctor.ts";
import { startKubernetesApi } from "../../support/kubernetes-api.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-doctor-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Puts a program of this name first on PATH. */
function program(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Doctor on a machine with the programs of this test and without a cluster. */
const examine = (...args: string[]) =>
  runDoctor(args, { PATH: `${folder}:${process.env.PATH}`, KUBECONFIG: "", KUBERNETES_SERVICE_HOST: "", HOME: folder });

/** A server of HTTP that answers everything with one status. */
async function listen(status: number, host: string) {
  const server = createServer((_request, response) => response.writeHead(status).end());
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: async () => void server.close() };
}

describe("gpu-ci doctor", () => {
  it("warns of an old toolkit, of a snap whose refreshes are not held, and of a missing cluster", async () => {
    program("nvidia-smi", "echo 'NVIDIA A100, 550.1, 40960 MiB'");
    program("nvidia-ctk", "echo 'NVIDIA Container Toolkit CLI version 1.17.7'");
    program(
      "snap",
      'echo "Name Version Rev Tracking Publisher Notes"; echo "microk8s v1.32.9 8148 1.32/stable canonical classic"',
    );
    const { withCode } = await examine();
    const found = (code: string) => withCode(code).map((finding) => [finding.found, finding.cause]);
    expect([found("toolkit-unsafe"), found("refresh-not-held"), found("kubeconfig-missing")]).toEqual([
      [["NVIDIA Container Toolkit CLI version 1.17.7", "a container can escape it (CVE-2025-23266)"]],
      [
        [
          "microk8s v1.32.9 (8148) from 1.32/stable, refreshes not held",
          "an automatic refresh restarts the cluster in the middle of a test",
        ],
      ],
      [["no cluster is configured", null]],
    ]);
  });

  it("does not wait for a program that hangs", async () => {
    program("nvidia-smi", "exec sleep 600");
    const [driver] = (await examine("--timeout", "300ms")).withCode("driver-broken");
    expect(driver?.found).toBe("nvidia-smi did not answer in time");
    rmSync(join(folder, "nvidia-smi"));
  });

  it("removes by --fix containers that expired, and leaves those that still run", async () => {
    const removed = join(folder, "removed");
    program(
      "podman",
      `case $1 in
--version) echo podman version 4.3.1 ;;
ps) printf 'gpu-ci-old\\ngpu-ci-new\\n' ;;
inspect) printf '2020-01-01T00:00:00Z\\n2999-01-01T00:00:00Z\\n' ;;
rm) echo "$@" >>${removed} ;;
esac`,
    );
    expect((await examine()).withCode("expired-containers").map(({ found }) => found)).toEqual([
      expect.stringMatching(/^podman has gpu-ci-old, expired up to \d+ h \d+ m ago$/),
    ]);
    expect(existsSync(removed)).toBe(false);
    await examine("--fix");
    expect(readFileSync(removed, "utf8")).toBe("rm --force --volumes --time 0 --depend gpu-ci-old\n");
  });

  it("gives up on an API server that does not answer, and on parts of one that do not", async () => {
    await using silent = await startKubernetesApi(() => {});
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, silent.kubeconfig());
    const dead = await examine("--kubeconfig", kubeconfig, "--timeout", "500ms");
    expect([dead.exitCode, dead.withCode("api-failed").length]).toEqual([1, 1]);
    await using partial = await startKubernetesApi(({ path }, reply) => {
      if (path === "/version") reply.json({ gitVersion: "v1.35.8" });
    });
    writeFileSync(kubeconfig, partial.kubeconfig());
    // Time enough for the first answer also on a busy machine: the others never come.
    const half = await examine("--kubeconfig", kubeconfig, "--timeout", "3s");
    const topics = half.withCode("look-failed").map(({ topic, found }) => [topic, found]);
    expect(topics).toContainEqual(["GPUs", "Looking at GPUs did not finish within 3.0 s."]);
    expect(topics).toContainEqual(["rights", "Looking at rights did not finish within 3.0 s."]);
  });

  it("tells a bad value of the drain switch", async () => {
    const items = [{ metadata: { name: "gpu-ci-runners", namespace: "ci" }, data: { STATE: "Drian" } }];
    await using api = await startKubernetesApi(({ path }, reply) => {
      if (path === "/version") return reply.json({ gitVersion: "v1.35.8" });
      reply.json({ metadata: {}, items: path.endsWith("/configmaps") ? items : [] });
    });
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, api.kubeconfig());
    const { withCode } = await examine("--kubeconfig", kubeconfig);
    expect(withCode("drain-state-invalid").map(({ found, remedy }) => [found, remedy])).toEqual([
      ['ConfigMap ci/gpu-ci-runners has STATE "Drian"', "Set it anew: gpu-ci runners resume --namespace ci"],
    ]);
  });

  it("sees that the registry of this machine answers at another address", async () => {
    await using open = await listen(200, "0.0.0.0");
    await using closed = await listen(401, "0.0.0.0");
    const addresses = ["127.0.0.2"];
    const signal = AbortSignal.timeout(30_000);
    const codes = async (port: number) =>
      (await exposureFindings(`localhost:${port}`, addresses, signal)).map(({ code, found }) => [code, found]);
    expect(await codes(open.port)).toEqual([["registry-exposed", `127.0.0.2:${open.port} answers without a login`]]);
    expect(await codes(closed.port)).toEqual([[undefined, `port ${closed.port} answers nobody else without a login`]]);
    expect(await exposureFindings(`registry.example:${open.port}`, addresses, signal)).toEqual([]);
    const real = reachableAddresses(networkInterfaces()).filter((address) => !address.includes(":"));
    const seen = (await examine("--registry", `localhost:${open.port}`)).withCode("registry-exposed");
    expect(seen.map(({ found }) => real.every((address) => found.includes(address)))).toEqual(
      real.length > 0 ? [true] : [],
    );
  });

  it("measures the disk under the registry's volume, where that is a folder of this machine", async () => {
    await using api = await startKubernetesApi(({ path }, reply) => {
      const name = path.split("/").at(-1);
      if (name === "pods") {
        const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "registry-claim" } }];
        return reply.json({
          metadata: {},
          items: [{ metadata: { name: "registry" }, spec: { nodeName: "box", volumes } }],
        });
      }
      if (name === "registry-claim") return reply.json({ spec: { volumeName: "pvc-1" } });
      reply.json({ spec: { hostPath: { path: folder } } });
    });
    const cluster = await api.connect();
    const look = (node: string) =>
      registryDiskFindings(cluster, { root: "/", node, signal: AbortSignal.timeout(30_000) });
    expect((await look("box")).map(({ topic, found }) => [topic, found])).toEqual([
      ["registry disk", expect.stringMatching(new RegExp(`^[\\d.]+ [GMk]?B free in ${folder}$`))],
    ]);
    expect(await look("elsewhere")).toEqual([]);
  });
});

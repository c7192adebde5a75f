import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { execInPod } from "../../lib/kubernetes/exec.ts";
import {
  applyObject,
  createObject,
  deleteObject,
  getObject,
  listObjects,
  patchObject,
} from "../../lib/kubernetes/object.ts";
import { configMaps, namespaces, pods } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

let real: RealCluster;
beforeAll(async () => {
  real = await openRealCluster("transport");
  return () => real[Symbol.asyncDispose]();
});

describe("objects", () => {
  it("are created, listed in pages, applied, patched and deleted", async () => {
    const labels = { page: "yes" };
    for (let index = 0; index < 12; index++)
      await createObject(real.cluster, configMaps, { metadata: { name: `page-${index}`, labels } });
    const list = await listObjects(real.cluster, configMaps, { labelSelector: "page=yes" });
    expect(list.items.map(({ kind, metadata }) => `${kind} ${metadata?.name}`).sort()).toEqual(
      Array.from({ length: 12 }, (_, index) => `ConfigMap page-${index}`).sort(),
    );
    const applied = await applyObject(real.cluster, configMaps, { metadata: { name: "page-0" }, data: { a: "1" } });
    expect([
      applied.data,
      applied.metadata?.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`),
    ]).toEqual([{ a: "1" }, ["gpu-ci Apply", "gpu-ci Update"]]);
    const patched = await patchObject(real.cluster, configMaps, "page-0", { patch: { data: { a: null, b: "2" } } });
    expect(patched.data).toEqual({ b: "2" });
    expect([
      await deleteObject(real.cluster, configMaps, "page-0"),
      await deleteObject(real.cluster, configMaps, "page-0"),
    ]).toEqual([true, false]);
    await expect(createObject(real.cluster, configMaps, { metadata: { name: "page-1" } })).rejects.toMatchObject({
      code: "already-exists",
      status: 409,
    });
  });

  it("are refused in the API server's words to an account without the right", async () => {
    await exec("kubectl", ["create", "serviceaccount", "nobody", "-n", real.namespace]);
    const { stdout } = await exec("kubectl", ["create", "token", "nobody", "-n", real.namespace]);
    const nobody = await real.connect({ user: { token: stdout.trim() } });
    await expect(listObjects(nobody, pods)).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining(`"system:serviceaccount:${real.namespace}:nobody" cannot list resource "pods"`),
    });
  });

  it("are not read from a server whose certificate is not trusted, nor by an unknown token", async () => {
    const stranger = await real.connect({
      cluster: { "certificate-authority-data": undefined, "certificate-authority": undefined },
    });
    await expect(listObjects(stranger, pods)).rejects.toMatchObject({ code: "api-untrusted", retryable: false });
    const unknown = await real.connect({ user: { token: "unknown" } });
    await expect(listObjects(unknown, pods)).rejects.toMatchObject({ code: "unauthorized" });
  });
});

describe("a watch", () => {
  it("sees a pod through kubectl delete, over a proxy that cuts it", async () => {
    await real.startPod("watched", "sleep 300");
    let connections = 0;
    // Every second connection is cut after its handshake and a few events.
    await using proxy = await startTcpProxy(real.api, () => (connections++ % 2 === 1 ? 6000 : undefined));
    const cut = await real.connect({ cluster: { server: `https://127.0.0.1:${proxy.port}` } });
    const seen: string[] = [];
    const watching = watchObjects(cut, pods, {
      fieldSelector: "metadata.name=watched",
      signal: AbortSignal.timeout(60_000),
    });
    for await (const { type, object } of watching) {
      seen.push(type);
      if (seen.length === 1) proxy.cut();
      if (object.status?.phase === "Running" && seen.at(-1) !== "DELETED" && !object.metadata?.deletionTimestamp) {
        proxy.cut();
        await exec("kubectl", ["delete", "pod", "watched", "-n", real.namespace, "--wait=false"]);
      }
      if (type === "DELETED") break;
    }
    expect([seen[0], seen.at(-1), proxy.accepted() >= 2]).toEqual(["ADDED", "DELETED", true]);
  });
});

describe("a proxy-url in the kubeconfig", () => {
  it("is the way for requests, watches and commands", async () => {
    await real.startPod("busy", "sleep 600");
    await real.waitForPod("busy", (pod) => pod.status?.phase === "Running");
    const tunnels: string[] = [];
    const server = http.createServer();
    server.on("connect", (request, client: net.Socket, head) => {
      tunnels.push(request.url ?? "");
      const upstream = net.connect(real.api, () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.write(head);
        client.pipe(upstream).pipe(client);
      });
      for (const socket of [client, upstream])
        socket.on("error", () => client.destroy()).on("close", () => upstream.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const proxied = await real.connect({ cluster: { "proxy-url": `http://127.0.0.1:${port}` } });
    expect((await getObject(proxied, namespaces, real.namespace))?.metadata?.name).toBe(real.namespace);
    for await (const { type } of watchObjects(proxied, pods, { signal: AbortSignal.timeout(20_000) })) {
      expect(type).toBe("ADDED");
      break;
    }
    const stdout = new PassThrough();
    const output = text(stdout);
    const options = { pod: "busy", container: "main", command: ["echo", "hello"], stdout, timeoutMs: 20_000 };
    expect(await execInPod(proxied, { ...options, signal: new AbortController().signal })).toEqual({ exitCode: 0 });
    expect(await output).toBe("hello\n");
    expect(new Set(tunnels)).toEqual(new Set([`${real.api.host}:${real.api.port}`]));
    server.close();
  });
});

import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getObject } from "../../../../lib/kubernetes/object.ts";
import { pods } from "../../../../lib/kubernetes/resource.ts";
import { createCertificateAuthority } from "../../../support/certificate-authority.ts";
import { type ApiHandler, type KubernetesApiOptions, startKubernetesApi } from "../../../support/kubernetes-api.ts";

let folder = "";
let tls: { readonly key: string; readonly cert: string };
let ca = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "byte-stream-"));
  const authority = await createCertificateAuthority(join(folder, "ca"));
  const issued = await authority.issue(join(folder, "server"));
  const [key, cert, own] = await Promise.all(
    ["key.pem", "cert.pem", "ca.pem"].map((name) => readFile(join(issued, name), "utf8")),
  );
  tls = { key: key ?? "", cert: cert ?? "" };
  ca = Buffer.from(own ?? "").toString("base64");
});
afterAll(() => rm(folder, { recursive: true }));

// Not a multiple of any block.
const bytes = randomBytes(20_000_003);
const sumOf = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");
const give: ApiHandler = ({ path }, reply) => {
  if (path.endsWith("/pods/p")) return reply.json({ metadata: { name: "p" } });
  for (let at = 0; at < bytes.length; at += 3_000_000) reply.write(bytes.subarray(at, at + 3_000_000));
  return reply.end();
};

async function open(handler: ApiHandler, options: KubernetesApiOptions = {}) {
  const api = await startKubernetesApi(handler, options);
  const cluster = await api.connect(options.tls ? { cluster: { "certificate-authority-data": ca } } : {});
  const download = (signal: AbortSignal) => cluster.download({ method: "GET", path: "/bytes", signal }, "tar");
  return {
    api,
    cluster,
    download,
    async [Symbol.asyncDispose]() {
      cluster.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

const never = new AbortController().signal;

describe("download", () => {
  it.each([
    ["an upgraded connection", true, true],
    ["an upgraded connection without TLS", false, true],
    ["a server that does not upgrade", true, false],
  ])("gives all bytes of %s, also when there are open connections", async (_name, isSecure, upgrades) => {
    await using scene = await open(give, { upgrades, ...(isSecure ? { tls } : {}) });
    await getObject(scene.cluster, pods, "p");
    const hash = createHash("sha256");
    for await (const chunk of await scene.download(never)) hash.update(chunk);
    expect(hash.digest("hex")).toBe(sumOf(bytes));
    expect(scene.api.calls.at(-1)?.headers).toMatchObject({ connection: "Upgrade", upgrade: "tar" });
    // The connections of other requests read in their own way still.
    expect(await getObject(scene.cluster, pods, "p")).toEqual({ metadata: { name: "p" } });
  });

  it("holds the server up while nobody reads, and loses nothing", async () => {
    await using scene = await open(give, { tls });
    const parts: Buffer[] = [];
    for await (const chunk of await scene.download(never)) {
      if (parts.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      parts.push(Buffer.from(chunk));
    }
    expect(sumOf(Buffer.concat(parts))).toBe(sumOf(bytes));
  });

  it("takes a plain refusal for what it is", async () => {
    await using scene = await open((_call, reply) => reply.refuse(403, "Forbidden", "not you"), { tls });
    await expect(scene.download(never)).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining("not you"),
    });
  });

  it("says that the connection broke", async () => {
    await using scene = await open((_call, reply) => {
      reply.write(bytes.subarray(0, 100_000));
      setTimeout(reply.cut, 50);
    });
    const read = async () => {
      let got = 0;
      for await (const chunk of await scene.download(never)) got += chunk.length;
      return got;
    };
    await expect(read()).rejects.toMatchObject({ code: "api-unreachable", retryable: true });
  });

  it("ends with its signal, and lets go of the connection", async () => {
    const closed = Promise.withResolvers<void>();
    await using scene = await open(
      (_call, reply) => {
        void reply.closed.then(() => closed.resolve());
        reply.write(bytes.subarray(0, 1_000_000));
      },
      { tls },
    );
    const stop = new AbortController();
    const reason = new Error("enough");
    const read = async () => {
      for await (const _chunk of await scene.download(stop.signal)) stop.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
    await closed.promise;
  });

  it("lets go of the connection when its reader stops", async () => {
    const closed = Promise.withResolvers<void>();
    await using scene = await open((_call, reply) => {
      void reply.closed.then(() => closed.resolve());
      reply.write(bytes);
    });
    for await (const _chunk of await scene.download(never)) break;
    await closed.promise;
  });
});

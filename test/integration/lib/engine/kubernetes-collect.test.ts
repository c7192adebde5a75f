import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { collectFiles } from "../../../../lib/engine/kubernetes-collect.ts";
import type { PodAddresses } from "../../../../lib/engine/kubernetes-pod-state.ts";
import { silentLog } from "../../../../lib/log.ts";
import { type ApiHandler, type ApiReply, startKubernetesApi } from "../../../support/kubernetes-api.ts";
import { archiveOf } from "../../../support/tar-archive.ts";

const frame = (channel: number, content: string) => Buffer.concat([Buffer.of(channel), Buffer.from(content)]);
const success = frame(3, JSON.stringify({ status: "Success" }));

/** Collects from a collector that behaves as `sockets` say, one after another; gives what came back and the warnings. */
async function collect(
  sockets: readonly ((socket: WebSocket) => void)[],
  hasEnded: boolean,
  onServed: ApiHandler = () => {},
  { upgrades = true, addresses }: { readonly upgrades?: boolean; readonly addresses?: PodAddresses } = {},
) {
  let count = 0;
  const onSocket = (socket: WebSocket) => sockets[Math.min(count++, sockets.length - 1)]?.(socket);
  await using api = await startKubernetesApi(onServed, { onSocket, upgrades });
  const directory = await mkdtemp(join(tmpdir(), "gpu-ci-collect-"));
  const warnings: string[] = [];
  const infos: string[] = [];
  const log = {
    ...silentLog,
    info: (message: string) => void infos.push(message),
    warning: (message: string) => void warnings.push(message),
  };
  try {
    const signal = new AbortController().signal;
    const cluster = await api.connect();
    const options = { cluster, pod: "p", addresses, directory, log, signal, hasEnded: () => hasEnded, statusLagMs: 50 };
    const files = await collectFiles(options);
    const texts = await Promise.all(files.map(({ path }) => readFile(join(directory, path), "utf8")));
    return { texts, warnings, count, infos };
  } finally {
    await rm(directory, { recursive: true });
  }
}

const breakOff = (socket: WebSocket) => socket.terminate();
const breakOffInTheList = (socket: WebSocket) => {
  socket.send(frame(1, "cat\n- 3 ./a"));
  setTimeout(() => socket.terminate(), 50);
};
const begun = { tar: "tar\n", cat: "cat\n- 3000 ./a\nend\n" };
const breakOffInTheBytes = (format: keyof typeof begun) => (socket: WebSocket) => {
  socket.send(frame(1, begun[format]));
  socket.send(frame(1, "abc"));
  setTimeout(() => socket.terminate(), 50);
};
const breakOffBeforeTheBytes = (format: keyof typeof begun) => (socket: WebSocket) => {
  socket.send(frame(1, begun[format]), () => socket.terminate());
};
const breakOffAfterTheBytes = (socket: WebSocket) => {
  socket.send(frame(1, "cat\n- 3 ./a\nend\nabc"));
  socket.on("message", () => socket.terminate());
};
const answerOk = (socket: WebSocket) => {
  socket.on("message", (data: Buffer) => {
    if (data[0] === 0 && data.subarray(1).toString() === "ok\n") socket.send(success, () => socket.close());
  });
};
const sum = createHash("sha256").update("abc").digest("hex");
const give = (socket: WebSocket) => {
  // A line may come in parts, and two of them at once.
  for (const part of ["ca", `t\n${sum} 3 `, "./a\nend\nab", "c"]) socket.send(frame(1, part));
  answerOk(socket);
};

/** Offers to serve, and does what it is told: the archive over this connection, or only its checksum. */
const offer = (heard: string[]) => (socket: WebSocket) => {
  answerOk(socket);
  socket.on("message", (data: Buffer) => {
    // The end of stdin has a channel of its own.
    if (data[0] !== 0) return;
    for (const order of data.subarray(1).toString().trim().split("\n").filter(Boolean)) {
      heard.push(order);
      if (order === "here") socket.send(Buffer.concat([Buffer.of(1), archiveOf("a", "abc")]));
      if (order === "here" || order === "there") socket.send(frame(2, `${sum}  ./a\nend\n`));
    }
  });
  socket.send(frame(1, "offer\n"));
};
/** Offers as above, and listens where it is told to, one request long, as the pod of this address. */
const offerAt =
  (host: string, heard: string[], paths: string[], isCut = false) =>
  (socket: WebSocket) => {
    offer(heard)(socket);
    socket.on("message", (data: Buffer) => {
      const [, port] = /^serve (\d+) /.exec(data.subarray(1).toString()) ?? [];
      if (port === undefined) return;
      const server = http.createServer().listen(Number(port), host);
      server.once("upgrade", (request, stream) => {
        paths.push(request.url ?? "");
        stream.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tar\r\n\r\n");
        if (isCut) stream.write(archiveOf("a", "abc").subarray(0, 514), () => (stream as Socket).resetAndDestroy());
        else stream.end(archiveOf("a", "abc"));
        server.close();
      });
    });
  };
const served: ApiHandler = (_call, reply) => {
  reply.write(archiveOf("a", "abc"));
  reply.end();
};

describe("collectFiles that are offered", () => {
  it("reads them through the API server's proxy, by a port and a token that it chose", async () => {
    const heard: string[] = [];
    const paths: string[] = [];
    const result = await collect([offer(heard)], false, (call, reply) => {
      paths.push(call.path);
      return served(call, reply);
    });
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 1 });
    const [, port, token] = /^serve (\d+) ([0-9a-f]{32})$/.exec(heard[0] ?? "") ?? [];
    expect(heard.slice(1)).toEqual(["there", "ok"]);
    expect(paths).toEqual([`/api/v1/namespaces/team/pods/http%3Ap%3A${port}/proxy/${token}`]);
  });

  it("reads them from a server that does not upgrade the connection", async () => {
    const heard: string[] = [];
    const result = await collect([offer(heard)], false, served, { upgrades: false });
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 1 });
    expect(heard.slice(1)).toEqual(["there", "ok"]);
  });

  it.each(["127.0.0.1", "::1"])("reads them from the pod itself on the node that it is on (%s)", async (pod) => {
    const heard: string[] = [];
    const paths: string[] = [];
    const asked: ApiHandler = ({ path }) => void paths.push(path);
    const addresses = { pod, node: "127.0.0.1" };
    const result = await collect([offerAt(pod, heard, paths)], false, asked, { addresses });
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 1 });
    const [, token] = /^serve \d+ ([0-9a-f]{32})$/.exec(heard[0] ?? "") ?? [];
    expect([heard.slice(1), paths]).toEqual([["there", "ok"], [`/${token}`]]);
  });

  it("says that the connection to the pod broke, and reads them by exec", async () => {
    const heard: string[] = [];
    const addresses = { pod: "127.0.0.1", node: "127.0.0.1" };
    const result = await collect([offerAt("127.0.0.1", heard, [], true)], false, () => {}, { addresses });
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 2 });
    expect(result.infos.at(-1)).toContain("trying again: The connection to the pod at 127.0.0.1 broke.");
    expect(heard.slice(1)).toEqual(["there", "here", "ok"]);
  });

  it.each([
    ["it is on another node", { pod: "127.0.0.1", node: "203.0.113.7" }],
    ["nobody can be reached there", { pod: "127.0.0.1", node: "127.0.0.1" }],
  ])("reads them through the API server when %s", async (_when, addresses) => {
    const heard: string[] = [];
    const result = await collect([offer(heard)], false, served, { addresses });
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 1 });
    expect(result.infos).toEqual([expect.stringContaining("over the API server's proxy")]);
    expect(heard.slice(1)).toEqual(["there", "ok"]);
  });

  it("waits until somebody listens", async () => {
    const heard: string[] = [];
    let asked = 0;
    const result = await collect([offer(heard)], false, (call, reply) =>
      ++asked < 3 ? reply.refuse(503, "ServiceUnavailable", "connection refused") : served(call, reply),
    );
    expect([result.texts, asked, heard.slice(1)]).toEqual([["abc"], 3, ["there", "ok"]]);
  });

  it.each([
    ["it may not", (reply: ApiReply) => reply.refuse(403, "Forbidden"), "add pods/proxy: get to its Role."],
    ["nobody listens", (reply: ApiReply) => reply.refuse(503, "ServiceUnavailable"), "503"],
    ["somebody else listens", (reply: ApiReply) => reply.refuse(404, "NotFound"), "404"],
    ["nothing comes from the pod", () => {}, "a network policy may keep the API server out."],
  ])("reads them by exec, and says why, when %s", async (_when, answer, why) => {
    const heard: string[] = [];
    const result = await collect([offer(heard)], false, (_call, reply) => answer(reply));
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 1 });
    expect(result.infos).toEqual([expect.stringContaining("The test's files come by exec")]);
    expect(result.infos[0]).toContain(why);
    expect(heard.slice(1)).toEqual(["here", "ok"]);
  });

  it("reads them by exec when the proxy's connection broke", async () => {
    const heard: string[] = [];
    const result = await collect([offer(heard)], false, (_call, reply) => {
      reply.write(archiveOf("a", "abc").subarray(0, 514));
      setTimeout(reply.cut, 50);
    });
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 2 });
    expect(heard.slice(1)).toEqual(["there", "here", "ok"]);
  });

  it("lets go of the proxy's connection when the other one broke", async () => {
    const closed = Promise.withResolvers<void>();
    const broken = (socket: WebSocket) => {
      offer([])(socket);
      socket.on("message", (data: Buffer) => void (data.includes("there") && socket.terminate()));
    };
    const result = await collect([broken, give], false, (_call, reply) => {
      void reply.closed.then(() => closed.resolve());
      reply.write(archiveOf("a", "abc").subarray(0, 514));
    });
    expect(result).toMatchObject({ texts: ["abc"], warnings: [], count: 2 });
    await closed.promise;
  });
});

describe("collectFiles", () => {
  it.each([
    ["at once", breakOff],
    ["in the middle of the list", breakOffInTheList],
    ["before the bytes of a tar", breakOffBeforeTheBytes("tar")],
    ["before the bytes", breakOffBeforeTheBytes("cat")],
    ["in the middle of a tar", breakOffInTheBytes("tar")],
    ["in the middle of a file", breakOffInTheBytes("cat")],
    ["after the last byte", breakOffAfterTheBytes],
  ])("connects again when the connection breaks %s while the test runs", async (_when, broken) => {
    expect(await collect([broken, give], false)).toMatchObject({ texts: ["abc"], warnings: [], count: 2 });
  });

  it("takes bytes before checksums, however many come before the first", async () => {
    const content = "0123456789".repeat(200_000);
    const archive = archiveOf("big", content);
    const bytesFirst = (socket: WebSocket) => {
      answerOk(socket);
      socket.send(frame(1, "tar\n"));
      for (let at = 0; at < archive.length; at += 32_768)
        socket.send(Buffer.concat([Buffer.of(1), archive.subarray(at, at + 32_768)]));
      const big = createHash("sha256").update(content).digest("hex");
      setTimeout(() => socket.send(frame(2, `tar: a word of its own\n${big}  ./big\nend\n`)), 100);
    };
    expect(await collect([bytesFirst], false)).toMatchObject({ texts: [content], warnings: [], count: 1 });
  });

  it("names what is lost when the connection breaks after the end, and never throws", async () => {
    const { texts, warnings, count } = await collect([breakOffInTheList], true);
    expect([texts, count]).toEqual([[], 1]);
    expect(warnings[0]).toContain(
      "Not all files of the test came back (0 did): The connection to /bin/sh in pod p ended",
    );
  });
});

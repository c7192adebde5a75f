import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Header } from "tar";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { collectFiles } from "../../../../lib/engine/kubernetes-collect.ts";
import { silentLog } from "../../../../lib/log.ts";
import { startKubernetesApi } from "../../../support/kubernetes-api.ts";

const frame = (channel: number, content: string) => Buffer.concat([Buffer.of(channel), Buffer.from(content)]);
const success = frame(3, JSON.stringify({ status: "Success" }));

/** Collects from a collector that behaves as `sockets` say, one after another; gives what came back and the warnings. */
async function collect(sockets: readonly ((socket: WebSocket) => void)[], hasEnded: boolean) {
  let count = 0;
  const onSocket = (socket: WebSocket) => sockets[Math.min(count++, sockets.length - 1)]?.(socket);
  await using api = await startKubernetesApi(() => {}, { onSocket });
  const directory = await mkdtemp(join(tmpdir(), "gpu-ci-collect-"));
  const warnings: string[] = [];
  const log = { ...silentLog, warning: (message: string) => void warnings.push(message) };
  try {
    const signal = new AbortController().signal;
    const cluster = await api.connect();
    const options = { cluster, pod: "p", directory, log, signal, hasEnded: () => hasEnded, statusLagMs: 50 };
    const files = await collectFiles(options);
    const texts = await Promise.all(files.map(({ path }) => readFile(join(directory, path), "utf8")));
    return { texts, warnings, count };
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
    expect(await collect([broken, give], false)).toEqual({ texts: ["abc"], warnings: [], count: 2 });
  });

  it("takes bytes before checksums, however many come before the first", async () => {
    const content = "0123456789".repeat(200_000);
    const header = new Header({ path: "./big", size: content.length, type: "File", mode: 0o644 });
    header.encode();
    const archive = Buffer.concat([header.block ?? Buffer.of(), Buffer.from(content), Buffer.alloc(2048)]);
    const bytesFirst = (socket: WebSocket) => {
      answerOk(socket);
      socket.send(frame(1, "tar\n"));
      for (let at = 0; at < archive.length; at += 32_768)
        socket.send(Buffer.concat([Buffer.of(1), archive.subarray(at, at + 32_768)]));
      const big = createHash("sha256").update(content).digest("hex");
      setTimeout(() => socket.send(frame(2, `tar: a word of its own\n${big}  ./big\nend\n`)), 100);
    };
    expect(await collect([bytesFirst], false)).toEqual({ texts: [content], warnings: [], count: 1 });
  });

  it("names what is lost when the connection breaks after the end, and never throws", async () => {
    const { texts, warnings, count } = await collect([breakOffInTheList], true);
    expect([texts, count]).toEqual([[], 1]);
    expect(warnings[0]).toContain(
      "Not all files of the test came back (0 did): The connection to /bin/sh in pod p ended",
    );
  });
});

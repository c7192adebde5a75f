import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  socket.send(frame(2, "format cat\n- 3 ./a"));
  setTimeout(() => socket.terminate(), 50);
};
const breakOffInTheBytes = (format: string) => (socket: WebSocket) => {
  socket.send(frame(2, `format ${format}\n- 3000 ./a\nend\n`));
  socket.send(frame(1, "abc"));
  setTimeout(() => socket.terminate(), 50);
};
const breakOffBeforeTheBytes = (format: string) => (socket: WebSocket) => {
  socket.send(frame(2, `format ${format}\n- 3000 ./a\nend\n`), () => socket.terminate());
};
const breakOffAfterTheBytes = (socket: WebSocket) => {
  socket.send(frame(2, "format cat\n- 3 ./a\nend\n"));
  socket.send(frame(1, "abc"));
  socket.on("message", () => socket.terminate());
};
const give = (socket: WebSocket) => {
  const sum = createHash("sha256").update("abc").digest("hex");
  socket.send(frame(2, `format cat\n${sum} 3 ./a\nend\n`));
  socket.send(frame(1, "abc"));
  socket.on("message", (data: Buffer) => {
    if (data[0] === 0 && data.subarray(1).toString() === "ok\n") socket.send(success, () => socket.close());
  });
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

  it("names what is lost when the connection breaks after the end, and never throws", async () => {
    const { texts, warnings, count } = await collect([breakOffInTheList], true);
    expect([texts, count]).toEqual([[], 1]);
    expect(warnings[0]).toContain(
      "Not all files of the test came back (0 did): The connection to /bin/sh in pod p ended",
    );
  });
});

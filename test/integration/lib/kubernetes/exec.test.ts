import { PassThrough, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { type ExecInPodOptions, execInPod } from "../../../../lib/kubernetes/exec.ts";
import { type KubernetesApi, startKubernetesApi } from "../../../support/kubernetes-api.ts";

const frame = (channel: number, content: string | Buffer) => Buffer.concat([Buffer.of(channel), Buffer.from(content)]);
const success = frame(3, JSON.stringify({ status: "Success" }));
const exited = (code: number) =>
  frame(
    3,
    JSON.stringify({
      status: "Failure",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: String(code) }] },
    }),
  );

const serve = (onSocket: (socket: WebSocket) => void, protocols?: readonly string[]) =>
  startKubernetesApi(() => {}, { onSocket, ...(protocols ? { protocols } : {}) });

async function run(api: KubernetesApi, options: Partial<ExecInPodOptions> = {}) {
  const cluster = await api.connect();
  const base = {
    pod: "p",
    container: "c",
    command: ["tar", "-c", "."],
    signal: new AbortController().signal,
    timeoutMs: 20_000,
  };
  return await execInPod(cluster, { ...base, ...options });
}

describe("a command in a container", () => {
  it("gives its output and exit code, apart, the frames sent with the handshake included", async () => {
    await using api = await serve((socket) => {
      for (const message of [frame(1, "out"), frame(2, "err"), frame(1, "put"), exited(7)]) socket.send(message);
      socket.close();
    });
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const texts = Promise.all([text(stdout), text(stderr)]);
    expect(await run(api, { stdout, stderr })).toEqual({ exitCode: 7 });
    expect(await texts).toEqual(["output", "err"]);
    expect(api.calls[0]?.query.toString()).toBe(
      "container=c&command=tar&command=-c&command=.&stdin=false&stdout=true&stderr=true",
    );
  });

  it("has the end of its input told by a CLOSE frame where the server speaks v5", async () => {
    await using api = await serve((socket) => {
      let size = 0;
      socket.on("message", (data: Buffer) => {
        if (data[0] === 0) size += data.length - 1;
        if (data[0] !== 255) return;
        socket.send(Buffer.of(255, 1));
        socket.send(frame(1, `${size} ${data.toString("hex")}`));
        socket.send(success, () => socket.close());
      });
    });
    const stdout = new PassThrough();
    const output = text(stdout);
    expect(await run(api, { stdin: Readable.from([Buffer.alloc(100_000), "abc"]), stdout })).toEqual({ exitCode: 0 });
    expect(await output).toBe("100003 ff00");
  });

  it("keeps the socket open after its input where the server speaks v4 only, and so gets output and status", async () => {
    await using api = await serve(
      (socket) => {
        socket.on("message", () =>
          setTimeout(() => {
            socket.send(frame(1, "late"));
            socket.send(exited(3));
          }, 200),
        );
      },
      ["v4.channel.k8s.io"],
    );
    const stdout = new PassThrough();
    const output = text(stdout);
    expect(await run(api, { stdin: Readable.from(["abc"]), stdout })).toEqual({ exitCode: 3 });
    expect(await output).toBe("late");
  });

  it("fails when the connection drops before its status, and breaks its output", async () => {
    await using api = await serve((socket) =>
      socket.send(frame(1, "half"), () => setTimeout(() => socket.terminate(), 50)),
    );
    const stdout = new PassThrough();
    const output = text(stdout);
    const interrupted = { code: "exec-interrupted", retryable: true };
    await expect(run(api, { stdout })).rejects.toMatchObject(interrupted);
    await expect(output).rejects.toMatchObject(interrupted);
  });

  it("fails with the runtime's words when it could not be started", async () => {
    await using api = await serve((socket) =>
      socket.send(frame(3, JSON.stringify({ status: "Failure", reason: "InternalError", message: "no such file" }))),
    );
    await expect(run(api)).rejects.toMatchObject({
      code: "exec-failed",
      message: "tar in pod p could not be run: no such file.",
    });
  });

  it("fails with the server's words when it may not be run", async () => {
    await using api = await startKubernetesApi((_call, reply) =>
      reply.refuse(403, "Forbidden", "no right to create pods/exec"),
    );
    await expect(run(api)).rejects.toMatchObject({ status: 403, code: "forbidden" });
  });

  it("ends at its deadline and with its signal while the command is silent", async () => {
    await using api = await serve(() => {});
    await expect(run(api, { timeoutMs: 200 })).rejects.toMatchObject({ code: "deadline-exceeded" });
    const reason = new Error("enough");
    const abort = new AbortController();
    setTimeout(() => abort.abort(reason), 100);
    await expect(run(api, { signal: abort.signal })).rejects.toBe(reason);
  });

  it("fails when its input or its output breaks", async () => {
    await using api = await serve((socket) => socket.send(frame(1, "x")));
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error("disk full")) });
    await expect(run(api, { stdout: full })).rejects.toThrow("disk full");
    const broken = new Readable({
      read() {
        this.destroy(new Error("file vanished"));
      },
    });
    await expect(run(api, { stdin: broken })).rejects.toThrow("file vanished");
  });
});

describe("backpressure", () => {
  it("reaches the source of the input when the server stops reading", async () => {
    await using api = await serve((socket) => socket.pause());
    let produced = 0;
    const stdin = new Readable({
      read() {
        produced += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
    await expect(run(api, { stdin, timeoutMs: 1000 })).rejects.toMatchObject({ code: "deadline-exceeded" });
    // What the kernel's buffers on both sides take, and little more.
    expect(produced).toBeLessThan(16_000_000);
  });

  it("reaches the server when the output is not taken", async () => {
    let sentBytes = 0;
    await using api = await serve((socket) => {
      const send = () =>
        socket.send(frame(1, Buffer.alloc(65_536)), (error) => {
          sentBytes += 65_536;
          if (!error && sentBytes < 200_000_000) send();
        });
      send();
    });
    const stdout = new Writable({ highWaterMark: 65_536, write() {} });
    await expect(run(api, { stdout, timeoutMs: 1000 })).rejects.toMatchObject({ code: "deadline-exceeded" });
    expect(sentBytes).toBeLessThan(16_000_000);
  });
});

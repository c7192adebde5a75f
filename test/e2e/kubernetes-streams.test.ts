import { createHash } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { execInPod } from "../../lib/kubernetes/exec.ts";
import { followPodLog } from "../../lib/kubernetes/pod-log.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

let real: RealCluster;
beforeAll(async () => {
  real = await openRealCluster("streams");
  return () => real[Symbol.asyncDispose]();
});

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("a pod's log", () => {
  const script = [
    'i=0; while [ $i -lt 20 ]; do awk -v i=$i "BEGIN { for (j = 0; j < 2000; j++) print i, j, \\"of a test that says much in one second\\" }"; i=$((i+1)); sleep 0.5; done',
    "head -c 200000 /dev/zero | tr '\\0' x; echo; printf 'bytes \\000 \\377 \\r and \\303'; sleep 1; printf '\\274\\n\\n'",
    "printf 'no newline at the end'",
  ].join("; ");

  it("comes byte for byte over a proxy that cuts every connection, as the node has it", async () => {
    await real.startPod("talking", script);
    // Far enough to pass what is asked for again, and then cut in the middle of a line.
    await using proxy = await startTcpProxy(real.api, () => 1_000_000 + Math.floor(Math.random() * 1_000_000));
    let cutting: NodeJS.Timeout | undefined;
    const cut = await real.connect({ cluster: { server: `https://127.0.0.1:${proxy.port}` } });
    let ended = false;
    const waiting = real
      .waitForPod("talking", (pod) => pod.status?.containerStatuses?.[0]?.state?.terminated !== undefined)
      .then(() => {
        ended = true;
      });
    const follower = followPodLog(cut, {
      pod: "talking",
      container: "main",
      signal: AbortSignal.timeout(120_000),
      ended: () => ended,
    });
    const parts: Uint8Array[] = [];
    for await (const part of follower) {
      // Not before: a log that could not be opened at first is proven by nothing, and that has tests of its own.
      cutting ??= setInterval(() => proxy.cut(), 400);
      parts.push(part);
    }
    clearInterval(cutting);
    await waiting;
    const { stdout } = await exec("sh", ["-c", 'kubectl logs talking -n "$1" | sha256sum', "sh", real.namespace]);
    const whole = Buffer.concat(parts);
    expect([sha256(whole), follower.complete(), follower.gap()]).toEqual([stdout.slice(0, 64), true, undefined]);
    expect([proxy.accepted() > 10, whole.length > 2_000_000]).toEqual([true, true]);
  });
});

describe("a command in a container", () => {
  const input = Buffer.alloc(50_000_000, "0123456789abcdef\n");
  const run = (
    on: Cluster,
    command: string[],
    more: { stdin?: Readable; stdout?: PassThrough; timeoutMs?: number } = {},
  ) =>
    execInPod(on, {
      pod: "busy",
      container: "main",
      command,
      signal: new AbortController().signal,
      timeoutMs: 60_000,
      ...more,
    });

  beforeAll(async () => {
    await real.startPod("busy", "sleep 600");
    await real.waitForPod("busy", (pod) => pod.status?.phase === "Running");
  });

  it("takes 50 MB of input, gives them back as they are, and knows where the input ends", async () => {
    const stdout = new PassThrough();
    const output = buffer(stdout);
    const chunks = Array.from({ length: 500 }, (_, index) => input.subarray(index * 100_000, (index + 1) * 100_000));
    expect(await run(real.cluster, ["cat"], { stdin: Readable.from(chunks), stdout })).toEqual({ exitCode: 0 });
    expect(sha256(await output)).toBe(sha256(input));
  });

  it.each([
    [["true"], 0],
    [["sh", "-c", "exit 7"], 7],
    [["sh", "-c", "kill -9 $$"], 137],
  ])("%j ends with exit code %d", async (command, exitCode) => {
    expect(await run(real.cluster, command)).toEqual({ exitCode });
  });

  it("that does not exist, or whose connection is cut, is an error and never an exit code", async () => {
    await expect(run(real.cluster, ["does-not-exist"])).rejects.toMatchObject({ code: "exec-failed" });
    await using proxy = await startTcpProxy(real.api, () => undefined);
    const cut = await real.connect({ cluster: { server: `https://127.0.0.1:${proxy.port}` } });
    const running = run(cut, ["sleep", "60"]);
    const settled = expect(running).rejects.toMatchObject({ code: "exec-interrupted", retryable: true });
    await sleep(1000);
    proxy.cut();
    await settled;
  });
});

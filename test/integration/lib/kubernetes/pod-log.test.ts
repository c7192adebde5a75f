import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { followPodLog, type PodLogFollower } from "../../../../lib/kubernetes/pod-log.ts";
import { silentLog } from "../../../../lib/log.ts";
import {
  type ApiCall,
  type ApiHandler,
  type ApiReply,
  type KubernetesApi,
  startKubernetesApi,
} from "../../../support/kubernetes-api.ts";

const startMs = Date.parse("2026-11-20T10:00:00Z");

interface Entry {
  readonly seconds: number;
  readonly stamp: string;
  readonly content: Buffer;
}

/** Lines of all kinds: empty, binary, long, and several in one second. */
function makeLog(lines: number): Entry[] {
  return Array.from({ length: lines }, (_, index) => {
    const seconds = startMs / 1000 + Math.floor(index / 7);
    const nanos = String((index % 7) * 100_000_001).padStart(9, "0");
    const content = Buffer.alloc(
      (index * 37) % 501,
      index % 3 === 0 ? "\xff\x00\r" : `line ${index} \u{1f680} `,
      index % 3 === 0 ? "latin1" : "utf8",
    );
    return { seconds, stamp: `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${nanos}Z`, content };
  });
}

/** As the kubelet answers: from the line of that second on. */
function servedFrom(log: readonly Entry[], sinceTime: string | null): Buffer {
  const since = sinceTime === null ? 0 : Date.parse(sinceTime) / 1000;
  return Buffer.concat(
    log
      .filter(({ seconds }) => seconds >= since)
      .flatMap(({ stamp, content }) => [Buffer.from(`${stamp} `), content, Buffer.from("\n")]),
  );
}

const contentOf = (log: readonly Entry[]) => Buffer.concat(log.flatMap(({ content }) => [content, Buffer.from("\n")]));

async function follow(
  api: KubernetesApi,
  ended: () => boolean,
  whenEnded?: Promise<void>,
): Promise<{ bytes: Buffer; follower: PodLogFollower }> {
  const cluster = await api.connect({ log: silentLog });
  const options = { pod: "p", container: "c", signal: AbortSignal.timeout(50_000), ended };
  const follower = followPodLog(cluster, { ...options, ...(whenEnded ? { whenEnded } : {}) });
  const parts: Uint8Array[] = [];
  for await (const part of follower) parts.push(part);
  return { bytes: Buffer.concat(parts), follower };
}

const proven = (follower: PodLogFollower) => [follower.complete(), follower.gap()];

describe("following a pod's log", () => {
  it("gives the same bytes after 100 cuts at random places, some of which look like the log's end", async () => {
    const log = makeLog(4000);
    let cuts = 0;
    await using api = await startKubernetesApi((call, reply) => {
      const bytes = servedFrom(log, call.query.get("sinceTime"));
      if (cuts >= 100) {
        reply.write(bytes);
        reply.end();
        return;
      }
      cuts++;
      // Far enough to advance, for what was read of the last two seconds comes again each time.
      reply.write(bytes.subarray(0, 4000 + Math.floor(Math.random() * 8000)));
      // An orderly end: so looks a kubelet that went away.
      setTimeout(cuts === 50 ? reply.end : reply.cut, 5);
    });
    const { bytes, follower } = await follow(api, () => cuts >= 100);
    expect(bytes.equals(contentOf(log))).toBe(true);
    expect(proven(follower)).toEqual([true, undefined]);
  });

  it("asks once more after the container has ended, for the end of a stream proves nothing", async () => {
    const log = makeLog(20);
    let isEnded = false;
    await using api = await startKubernetesApi((call, reply) => {
      const isFollowed = call.query.get("follow") === "true";
      // The kubelet stops at the end of a file that was just rotated: the rest is in the next one.
      reply.write(servedFrom(isFollowed ? log.slice(0, 15) : log, call.query.get("sinceTime")));
      reply.end();
      setTimeout(() => {
        isEnded = true;
      }, 100);
    });
    const { bytes, follower } = await follow(api, () => isEnded);
    expect(bytes.equals(contentOf(log))).toBe(true);
    expect(proven(follower)).toEqual([true, undefined]);
    expect(api.calls.map(({ query }) => query.toString())).toEqual([
      "container=c&follow=true&timestamps=true",
      "container=c&follow=false&timestamps=true&sinceTime=2026-11-20T10%3A00%3A01Z",
    ]);
  });

  it.each([
    ["was rotated meanwhile: what the kubelet passed over there nobody can see", 1000, false],
    ["was never rotated", 0, true],
  ])("knows of a long log whether it %s", async (_name, fileBegins, isComplete) => {
    const log = makeLog(8000);
    const isFollowed = (call: ApiCall) => call.query.get("follow") === "true";
    await using api = await startKubernetesApi((call, reply) => {
      const bytes = servedFrom(log.slice(isFollowed(call) ? 0 : fileBegins), call.query.get("sinceTime"));
      reply.write(bytes.subarray(0, Number(call.query.get("limitBytes") ?? bytes.length)));
      reply.end();
    });
    const { follower } = await follow(api, () => api.calls.some(isFollowed));
    expect(proven(follower)).toEqual([
      isComplete,
      isComplete
        ? undefined
        : "the node rotated the log while it was read, and may have thrown lines away before they were",
    ]);
  });

  it("does not vouch for the beginning of a log that could not be opened at first", async () => {
    let asked = 0;
    await using api = await startKubernetesApi((_call, reply) => {
      if (++asked === 1) return reply.refuse(503, "ServiceUnavailable");
      reply.write(servedFrom(makeLog(20), null));
      reply.end();
    });
    const { follower } = await follow(api, () => asked > 1);
    expect(proven(follower)).toEqual([
      false,
      "the log could not be opened at first, and the node may have rotated its first lines away before it was",
    ]);
  });

  it("waits for a container that has not started", async () => {
    const message = 'container "c" in pod "p" is waiting to start: ContainerCreating';
    let asked = 0;
    await using api = await startKubernetesApi((_call, reply) => {
      if (++asked < 4) return reply.refuse(400, "BadRequest", message);
      reply.write("2026-11-20T10:00:00.000000001Z hello\n");
      reply.end();
    });
    const { bytes, follower } = await follow(api, () => asked >= 4);
    expect([bytes.toString(), follower.complete()]).toEqual(["hello\n", true]);
  });

  it("knows that a container which never started has no log", async () => {
    const waiting: ApiHandler = (_call, reply) =>
      reply.refuse(400, "BadRequest", 'container "c" in pod "p" is waiting to start: ErrImagePull');
    await using api = await startKubernetesApi(waiting);
    const { bytes, follower } = await follow(api, () => true);
    expect([bytes.length, ...proven(follower)]).toEqual([0, true, undefined]);
  });

  it("leaves a stream that stays open although the container has ended", async () => {
    let isEnded = false;
    await using api = await startKubernetesApi((call, reply) => {
      reply.write("2026-11-20T10:00:00.000000001Z hello\n");
      if (call.query.get("follow") === "false") reply.end();
      isEnded = true;
    });
    const { bytes, follower } = await follow(api, () => isEnded);
    expect([bytes.toString(), ...proven(follower)]).toEqual(["hello\n", true, undefined]);
  });

  it("does not wait for the kubelet to end a stream whose container is known to have ended", async () => {
    const ended = Promise.withResolvers<void>();
    let isEnded = false;
    let heartbeat: NodeJS.Timeout | undefined;
    await using api = await startKubernetesApi((call, reply) => {
      reply.write("2026-11-20T10:00:00.000000001Z hello\n");
      if (call.query.get("follow") === "false") return reply.end();
      // A stream that is never silent for long, and never ends.
      heartbeat = setInterval(() => reply.write(" "), 1000);
      isEnded = true;
      setTimeout(ended.resolve, 50);
    });
    const whenEnded = ended.promise;
    const { bytes, follower } = await follow(api, () => isEnded, whenEnded);
    clearInterval(heartbeat);
    expect([bytes.toString(), ...proven(follower)]).toEqual(["hello\n", true, undefined]);
  });

  it("says what is missing when the pod was gone before the end of its log was read", async () => {
    let asked = 0;
    const hello = (reply: ApiReply) => {
      reply.write("2026-11-20T10:00:00.000000001Z hello\n");
      setTimeout(reply.cut, 20);
    };
    await using api = await startKubernetesApi((_call, reply) =>
      ++asked === 1 ? hello(reply) : reply.refuse(404, "NotFound"),
    );
    const { bytes, follower } = await follow(api, () => asked > 1);
    expect([bytes.toString(), ...proven(follower)]).toEqual([
      "hello\n",
      false,
      "the pod was gone before the end of its log was read",
    ]);
  });

  it("never gives the kubelet's own words as the container's", async () => {
    let isEnded = false;
    const words = "unable to retrieve container logs for containerd://0123456789abcdef";
    await using api = await startKubernetesApi((_call, reply) => {
      reply.write(`2026-11-20T10:00:00.000000001Z hello\n${words}`);
      reply.end();
      isEnded = true;
    });
    const { bytes, follower } = await follow(api, () => isEnded);
    expect([bytes.toString(), ...proven(follower)]).toEqual([
      "hello\n",
      false,
      `the node could not read the log: ${words}`,
    ]);
  });

  it("tells an outage in one line and goes on", async () => {
    const lines: string[] = [];
    let asked = 0;
    await using api = await startKubernetesApi(async (_call, reply) => {
      // Six failures take 3.1 s at least: more than the blink of 2 s that is not told.
      if (++asked < 7) return reply.cut();
      reply.write("2026-11-20T10:00:00.000000001Z hello\n");
      reply.end();
    });
    const cluster = await api.connect({ log: { ...silentLog, info: (line) => lines.push(line) } });
    const follower = followPodLog(cluster, {
      pod: "p",
      container: "c",
      signal: AbortSignal.timeout(30_000),
      ended: () => asked >= 8,
    });
    const parts: Uint8Array[] = [];
    for await (const part of follower) {
      parts.push(part);
      await sleep(1);
    }
    expect(Buffer.concat(parts).toString()).toBe("hello\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^API away \d+ s, still following\.$/);
  });
});

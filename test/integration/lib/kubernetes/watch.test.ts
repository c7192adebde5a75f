import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Pod, pods } from "../../../../lib/kubernetes/resource.ts";
import { type WatchOptions, watchObjects } from "../../../../lib/kubernetes/watch.ts";
import {
  type ApiHandler,
  type ApiReply,
  type KubernetesApi,
  startKubernetesApi,
} from "../../../support/kubernetes-api.ts";

const pod = (name: string, version: number): Pod => ({
  metadata: { name, uid: name, resourceVersion: String(version) },
});
const frame = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
const bookmark = (version: number) => frame("BOOKMARK", { metadata: { resourceVersion: String(version) } });

/** Lists and watches are answered in turn by their own handlers; the last of each answers all that follow. */
function listAndWatch(
  lists: readonly (readonly [version: number, items: readonly Pod[]])[],
  watches: readonly ((reply: ApiReply) => void)[],
): ApiHandler {
  let listed = 0;
  let watched = 0;
  return (call, reply) => {
    if (call.query.get("watch") === "true") return watches[Math.min(watched++, watches.length - 1)]?.(reply);
    const [version, items] = lists[Math.min(listed++, lists.length - 1)] ?? [0, []];
    reply.json({ items, metadata: { resourceVersion: String(version) } });
  };
}

/** The first `count` events, each as `TYPE name@version`. */
async function events(api: KubernetesApi, count: number, options: Partial<WatchOptions> = {}): Promise<string[]> {
  const seen: string[] = [];
  if (count === 0) return seen;
  for await (const { type, object } of watchObjects(await api.connect(), pods, {
    signal: AbortSignal.timeout(20_000),
    ...options,
  })) {
    seen.push(`${type} ${object.metadata?.name}@${object.metadata?.resourceVersion}`);
    if (seen.length === count) break;
  }
  return seen;
}

const versions = ({ calls }: KubernetesApi) =>
  calls.map(({ query }) => (query.get("watch") ? `watch ${query.get("resourceVersion")}` : "list"));
const silent = (reply: ApiReply) => reply.open();

describe("a watch", () => {
  it("goes on from the last bookmark after a connection that was cut in the middle of a line", async () => {
    const half = frame("MODIFIED", pod("a", 30)).slice(0, 25);
    await using api = await startKubernetesApi(
      listAndWatch(
        [[10, [pod("a", 5)]]],
        [
          async (reply) => {
            reply.write(frame("ADDED", pod("b", 11)) + bookmark(20));
            reply.write(half);
            await sleep(50);
            reply.cut();
          },
          (reply) => reply.write(frame("MODIFIED", pod("a", 30)) + frame("DELETED", pod("b", 31))),
        ],
      ),
    );
    expect(await events(api, 4)).toEqual(["ADDED a@5", "ADDED b@11", "MODIFIED a@30", "DELETED b@31"]);
    expect(versions(api)).toEqual(["list", "watch 10", "watch 20"]);
    expect(api.calls[1]?.query.get("allowWatchBookmarks")).toBe("true");
  });

  it.each([
    ["as a frame", (reply: ApiReply) => reply.write(frame("ERROR", { kind: "Status", code: 410, reason: "Expired" }))],
    ["as an answer", (reply: ApiReply) => reply.refuse(410, "Expired")],
  ])("lists again after 410 %s, and tells what happened since by comparing", async (_how, expired) => {
    const lists = [
      [10, [pod("kept", 1), pod("changed", 2), pod("deleted", 3)]],
      [90, [pod("kept", 1), pod("changed", 50), pod("new", 60)]],
    ] as const;
    await using api = await startKubernetesApi(listAndWatch(lists, [expired, silent]));
    const before = ["ADDED kept@1", "ADDED changed@2", "ADDED deleted@3"];
    expect(await events(api, 6)).toEqual([...before, "DELETED deleted@3", "MODIFIED changed@50", "ADDED new@60"]);
  });

  it("begins without a list where a version is given", async () => {
    await using api = await startKubernetesApi(listAndWatch([], [(reply) => reply.write(frame("ADDED", pod("a", 8)))]));
    expect(await events(api, 1, { resourceVersion: "7" })).toEqual(["ADDED a@8"]);
    expect(versions(api)).toEqual(["watch 7"]);
  });

  it("never goes back to an older state that a lagging server sends", async () => {
    const stale = frame("MODIFIED", pod("a", 11)) + frame("MODIFIED", pod("a", 13));
    await using api = await startKubernetesApi(listAndWatch([[12, [pod("a", 12)]]], [(reply) => reply.write(stale)]));
    expect(await events(api, 2)).toEqual(["ADDED a@12", "MODIFIED a@13"]);
  });

  it("does not hammer a server that closes every watch at once", async () => {
    await using api = await startKubernetesApi(
      listAndWatch(
        [[1, []]],
        [
          (reply) => {
            reply.open();
            reply.end();
          },
        ],
      ),
    );
    await expect(events(api, 1, { timeoutMs: 2000 })).rejects.toMatchObject({ code: "deadline-exceeded" });
    expect(api.calls.length).toBeLessThan(10);
  });

  it("gives up with api-unreachable when the server stays away for longer than its budget, and tells it once", async () => {
    const api = await startKubernetesApi(listAndWatch([[1, []]], [silent]));
    const cluster = await api.connect({ awayBudgetMs: 1000 });
    const watching = watchObjects(cluster, pods, { resourceVersion: "1", signal: AbortSignal.timeout(20_000) }).next();
    await sleep(200);
    await api[Symbol.asyncDispose]();
    await expect(watching).rejects.toMatchObject({ code: "api-unreachable", retryable: true });
  });

  it("ends with a refusal that waiting does not change", async () => {
    await using api = await startKubernetesApi((_call, reply) =>
      reply.refuse(403, "Forbidden", "no right to list pods"),
    );
    await expect(events(api, 1)).rejects.toMatchObject({ code: "forbidden", status: 403 });
    expect(api.calls.length).toBe(1);
  });

  it("ends with the signal's reason", async () => {
    await using api = await startKubernetesApi(listAndWatch([[1, []]], [silent]));
    const abort = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => abort.abort(reason), 200);
    await expect(events(api, 1, { signal: abort.signal })).rejects.toBe(reason);
  });
});

import { describe, expect, it } from "vitest";
import { createPodFeed, type FollowedJob, type PodFeed } from "../../../../lib/engine/kubernetes-pod-feed.ts";
import type { Pod } from "../../../../lib/kubernetes/resource.ts";
import { type ApiReply, type KubernetesApi, startKubernetesApi } from "../../../support/kubernetes-api.ts";

const pod = (job: string, version: number): Pod => ({
  metadata: {
    name: `${job}-x`,
    uid: job,
    resourceVersion: String(version),
    labels: { "batch.kubernetes.io/job-name": job },
  },
});
const frame = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

/** A server whose list has pods, and whose watches stay open for the test to write to, by their selectors. */
async function startPods(items: readonly Pod[]) {
  const watches = new Map<string, ApiReply>();
  const api = await startKubernetesApi((call, reply) => {
    if (call.query.get("watch") !== "true") return reply.json({ items, metadata: { resourceVersion: "50" } });
    watches.set(call.query.get("labelSelector") ?? "", reply);
    reply.open();
  });
  return { api, watches };
}

/** Follows a Job; its changes come as `TYPE version`. */
function follow(feed: PodFeed, job: FollowedJob) {
  const stop = new AbortController();
  const seen: string[] = [];
  const take = ({ type, object }: { type: string; object: Pod }) =>
    seen.push(`${type} ${object.metadata?.resourceVersion}`);
  const over = feed.follow(job, take, stop.signal).then(
    () => "ended",
    (error: unknown) => (error as Error).message,
  );
  return { seen, over, stop: () => stop.abort(new Error("stopped")) };
}

const asked = ({ calls }: KubernetesApi) =>
  calls.map(({ query }) => {
    const what = query.get("watch") === "true" ? `watch ${query.get("resourceVersion")}` : "list";
    return `${what} ${query.get("labelSelector")}`;
  });
const ours = "app.kubernetes.io/managed-by=gpu-ci,batch.kubernetes.io/job-name";

describe("the pods of an engine's Jobs", () => {
  it("cost one watch for a single Job, from its version on, and one more for all that run beside it", async () => {
    const { api, watches } = await startPods([pod("b", 40), pod("c", 41)]);
    await using server = api;
    const feed = createPodFeed(await server.connect());
    const alone = follow(feed, { name: "a", resourceVersion: "30" });
    await expect.poll(() => [...watches.keys()]).toEqual(["batch.kubernetes.io/job-name=a"]);
    const others = ["b", "c", "d"].map((name) => follow(feed, { name, resourceVersion: "45" }));
    await expect.poll(() => watches.size).toBe(2);
    watches.get("batch.kubernetes.io/job-name=a")?.write(frame("ADDED", pod("a", 31)));
    watches
      .get(ours)
      ?.write(frame("MODIFIED", pod("c", 60)) + frame("ADDED", pod("d", 61)) + frame("ADDED", pod("e", 62)));

    await expect.poll(() => others[2]?.seen).toEqual(["ADDED 61"]);
    await expect.poll(() => alone.seen).toEqual(["ADDED 31"]);
    expect(others.map(({ seen }) => seen)).toEqual([["ADDED 40"], ["ADDED 41", "MODIFIED 60"], ["ADDED 61"]]);
    // Its pod came before anybody followed the Job.
    const late = follow(feed, { name: "e", resourceVersion: "55" });
    expect(late.seen).toEqual(["ADDED 62"]);
    expect(asked(server)).toEqual(["watch 30 batch.kubernetes.io/job-name=a", `list ${ours}`, `watch 50 ${ours}`]);

    for (const job of [alone, late, ...others]) job.stop();
    expect(await Promise.all([alone, late, ...others].map(({ over }) => over))).toEqual(Array(5).fill("stopped"));
  });

  it("are watched anew when a watch that was shared has ended with its last Job", async () => {
    const { api, watches } = await startPods([]);
    await using server = api;
    const feed = createPodFeed(await server.connect());
    const alone = follow(feed, { name: "a" });
    for (const name of ["b", "c"]) {
      const beside = follow(feed, { name });
      await expect.poll(() => watches.has(ours)).toBe(true);
      watches.get(ours)?.write(frame("ADDED", pod(name, 60)));
      await expect.poll(() => beside.seen).toEqual(["ADDED 60"]);
      beside.stop();
      await beside.over;
      watches.delete(ours);
    }
    alone.stop();
    await alone.over;
    expect(asked(server).filter((what) => what.endsWith(ours))).toEqual([
      `list ${ours}`,
      `watch 50 ${ours}`,
      `list ${ours}`,
      `watch 50 ${ours}`,
    ]);
  });

  it("tell every Job when the shared watch breaks for good", async () => {
    const ended = "pods is forbidden";
    await using api = await startKubernetesApi((call, reply) => {
      if (call.query.get("labelSelector") === ours) return reply.refuse(403, "Forbidden", ended);
      reply.open();
    });
    const feed = createPodFeed(await api.connect());
    const alone = follow(feed, { name: "a", resourceVersion: "1" });
    const others = ["b", "c"].map((name) => follow(feed, { name, resourceVersion: "1" }));
    for (const message of await Promise.all(others.map(({ over }) => over))) expect(message).toContain(ended);
    alone.stop();
    await alone.over;
  });
});

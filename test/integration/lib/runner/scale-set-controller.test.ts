import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../../../lib/kubernetes/resource.ts";
import { silentLog } from "../../../../lib/log.ts";
import type { ScaleSet } from "../../../../lib/runner/scale-set.ts";
import { runScaleSetController } from "../../../../lib/runner/scale-set-controller.ts";
import { type ApiHandler, type ApiReply, startKubernetesApi } from "../../../support/kubernetes-api.ts";
import { runnerConfig, switchMap } from "../../../support/runner-objects.ts";

const path = "/apis/actions.github.com/v1alpha1/namespaces/team/autoscalingrunnersets/gpu";
const runnersPath = "/apis/actions.github.com/v1alpha1/namespaces/team/ephemeralrunners";

/** A cluster with a scale set, whose switch a test puts; events and deletions are kept. */
function createScene(first: readonly ConfigMap[]) {
  let version = 1;
  const seen = { events: [] as string[], deleted: [] as string[], patches: 0 };
  let scaleSet: ScaleSet = { metadata: { name: "gpu" }, spec: { minRunners: 1, maxRunners: 4 } };
  let maps = first;
  let watcher: ApiReply | undefined;
  const versioned = (map: ConfigMap) => ({ ...map, metadata: { ...map.metadata, resourceVersion: String(++version) } });
  const handler: ApiHandler = ({ method, path: asked, query, body }, reply) => {
    if (asked.endsWith("/events")) seen.events.push(JSON.parse(body).message);
    if (asked.endsWith("/configmaps") && query.has("watch")) {
      watcher = reply;
      return reply.open();
    }
    if (asked.endsWith("/configmaps")) return reply.json({ metadata: { resourceVersion: "1" }, items: maps });
    if (asked === path && method === "PATCH") scaleSet = patched(scaleSet, JSON.parse(body));
    if (asked === path && method === "PATCH") seen.patches++;
    if (asked === path) return reply.json(scaleSet);
    if (asked === runnersPath) return reply.json({ metadata: {}, items: [{ metadata: { name: "busy" } }] });
    if (method === "DELETE") seen.deleted.push(asked);
    reply.json({});
  };
  return {
    handler,
    seen,
    scaleSet: () => scaleSet,
    put: (map: ConfigMap) => {
      maps = [map];
      watcher?.write(`${JSON.stringify({ type: "MODIFIED", object: versioned(map) })}\n`);
    },
    isWatched: () => watcher !== undefined,
  };
}

function patched(scaleSet: ScaleSet, patch: ScaleSet): ScaleSet {
  const annotations = { ...scaleSet.metadata?.annotations, ...patch.metadata?.annotations };
  const kept = Object.fromEntries(Object.entries(annotations).filter(([, value]) => value !== null));
  return { metadata: { name: "gpu", annotations: kept }, spec: { ...scaleSet.spec, ...patch.spec } };
}

async function follow(first: readonly ConfigMap[], act: (scene: ReturnType<typeof createScene>) => Promise<void>) {
  const scene = createScene(first);
  await using api = await startKubernetesApi(scene.handler);
  const cluster = await api.connect();
  const controller = new AbortController();
  const config = runnerConfig({ mode: "arc", scaleSet: "gpu", forge: undefined, runner: undefined, interval: "50ms" });
  const deps = { log: silentLog, signal: controller.signal, now: () => new Date() };
  const ended = runScaleSetController({ cluster, config }, deps);
  ended.catch(() => {});
  await until(scene.isWatched);
  await act(scene);
  controller.abort(new Error("stopped"));
  await expect(ended).rejects.toThrow("stopped");
  cluster.close();
}

describe("runScaleSetController", () => {
  it("closes the scale set on a drain, and opens it as it was on resume", async () => {
    await follow([], async (scene) => {
      scene.put(switchMap("gpu-ci-runners", { STATE: "DrainAndSuspend" }));
      await until(() => scene.scaleSet().spec?.maxRunners === 0);
      expect(scene.scaleSet()).toEqual({
        metadata: { name: "gpu", annotations: { "gpu-ci/runners-before": '{"minRunners":1,"maxRunners":4}' } },
        spec: { minRunners: 0, maxRunners: 0 },
      });
      scene.put(switchMap("gpu-ci-runners", { STATE: "Running" }));
      await until(() => scene.scaleSet().spec?.maxRunners === 4);
      expect(scene.scaleSet()).toEqual({
        metadata: { name: "gpu", annotations: {} },
        spec: { minRunners: 1, maxRunners: 4 },
      });
      expect([scene.seen.patches, scene.seen.deleted]).toEqual([2, []]);
    });
  });

  it("ends the scale set's runners when the deadline has passed", async () => {
    const passed = switchMap("gpu-ci-runners", { STATE: "DrainAndSuspend", DEADLINE: "1s" }, "2026-01-01T00:00:00Z");
    await follow([passed], async ({ seen }) => {
      await until(() => seen.deleted.length > 0);
      expect(seen.deleted[0]).toBe(`${runnersPath}/busy`);
    });
  });

  it("ignores a bad value with one Event, and says that single nodes cannot be drained", async () => {
    const node = switchMap("gpu-ci-runners-box", { STATE: "DrainAndSuspend" });
    await follow([switchMap("gpu-ci-runners", { STATE: "off" }), node], async ({ seen, scaleSet }) => {
      await until(() => seen.events.length === 2);
      expect(seen.events.toSorted()).toEqual([
        "A scale set cannot be drained on single nodes (box): cordon them, or drain all.",
        'STATE of ConfigMap gpu-ci-runners is "off" and is ignored; allowed: Running, DrainAndSuspend, DrainAndTerminate.',
      ]);
      expect(scaleSet().spec).toEqual({ minRunners: 1, maxRunners: 4 });
    });
  });
});

async function until(isReached: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !isReached() && Date.now() < end; ) await wait(10);
  expect(isReached()).toBe(true);
}

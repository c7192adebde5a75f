import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandLine } from "../../../cli/command-line.ts";
import { type ApiHandler, type KubernetesApi, startKubernetesApi } from "../../support/kubernetes-api.ts";
import { runnerPodOf } from "../../support/runner-objects.ts";

interface Stored {
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly data?: Record<string, string>;
}

/** A namespace's ConfigMaps and runner pods, as far as these commands use them. */
function createStore(first: readonly Stored[]) {
  const maps = new Map(first.map((map) => [map.metadata.name, map]));
  const collection = "/api/v1/namespaces/gpu-ci/configmaps";
  const handler: ApiHandler = ({ method, path, body }, reply) => {
    const name = path.slice(collection.length + 1);
    const known = maps.get(name);
    if (path.endsWith("/pods")) return reply.json({ metadata: {}, items: [runnerPodOf("r1"), runnerPodOf("r2")] });
    if (method === "POST") {
      const made = JSON.parse(body) as Stored;
      maps.set(made.metadata.name, made);
      return reply.json(made, 201);
    }
    if (path === collection) return reply.json({ metadata: { resourceVersion: "1" }, items: [...maps.values()] });
    if (known === undefined) return reply.refuse(404, "NotFound");
    if (method === "DELETE") maps.delete(name);
    if (method === "PATCH") maps.set(name, { ...known, data: merged(known.data, JSON.parse(body).data) });
    reply.json(maps.get(name) ?? {});
  };
  return { handler, data: () => Object.fromEntries([...maps].map(([name, { data }]) => [name, data])), maps };
}

function merged(before: Record<string, string> = {}, patch: Record<string, string | null> = {}) {
  const entries = Object.entries({ ...before, ...patch });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}

async function gpuCi(api: KubernetesApi, ...args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "gpu-ci-switch-"));
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, api.kubeconfig());
  const printed = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (chunk: string | Uint8Array) => {
      printed[name] += String(chunk);
      return true;
    },
  });
  const terminal = { stdout: stream("stdout"), stderr: stream("stderr"), env: { KUBECONFIG: kubeconfig } };
  const code = await commandLine(["runners", ...args], terminal);
  rmSync(folder, { recursive: true });
  return { code, ...printed };
}

const chart: Stored = { metadata: { name: "gpu-ci-runners", uid: "chart" } };

describe("gpu-ci runners drain and resume", () => {
  it("put the global switch, with a deadline and without", async () => {
    const store = createStore([chart]);
    await using api = await startKubernetesApi(store.handler);
    expect(await gpuCi(api, "drain", "--deadline", "30m")).toEqual({
      code: 0,
      stdout: "",
      stderr: "All runners: DrainAndSuspend, no new jobs; running ones are ended in 30 m 0 s.\n",
    });
    expect(store.data()).toEqual({ "gpu-ci-runners": { STATE: "DrainAndSuspend", DEADLINE: "30m" } });
    await gpuCi(api, "drain", "--terminate");
    expect(store.data()).toEqual({ "gpu-ci-runners": { STATE: "DrainAndTerminate" } });
    expect((await gpuCi(api, "resume")).stderr).toBe("All runners: Running.\n");
    expect(store.data()).toEqual({ "gpu-ci-runners": { STATE: "Running" } });
  });

  it("drain one node by a ConfigMap that goes with the chart's, and take it away again", async () => {
    const store = createStore([chart]);
    await using api = await startKubernetesApi(store.handler);
    await gpuCi(api, "drain", "--node", "box");
    expect(store.maps.get("gpu-ci-runners-box")).toMatchObject({
      metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "gpu-ci-runners", uid: "chart" }] },
      data: { STATE: "DrainAndSuspend" },
    });
    expect((await gpuCi(api, "resume")).stderr).toBe("All runners: Running. Still drained by themselves: box.\n");
    expect((await gpuCi(api, "resume", "--node", "box")).stderr).toBe("Node box: Running, as all others.\n");
    expect([...store.maps.keys()]).toEqual(["gpu-ci-runners"]);
  });

  it("let one node run while the others are drained", async () => {
    const store = createStore([{ ...chart, data: { STATE: "DrainAndSuspend" } }]);
    await using api = await startKubernetesApi(store.handler);
    expect((await gpuCi(api, "resume", "--node", "box")).stderr).toBe(
      "Node box: Running, while the others are drained.\n",
    );
    expect(store.data()["gpu-ci-runners-box"]).toEqual({ STATE: "Running" });
  });

  it("make the switch where there is none", async () => {
    const store = createStore([]);
    await using api = await startKubernetesApi(store.handler);
    await gpuCi(api, "drain");
    expect(store.data()).toEqual({ "gpu-ci-runners": { STATE: "DrainAndSuspend" } });
  });

  it.each([
    [["drain", "--deadline", "soon"], 'Input deadline is "soon"; allowed: a duration such as 90s, 30m or 2h.'],
    [["drain", "--node", "A B"], 'Input node is "A B"; allowed: the name of a node.'],
    [["resume", "all"], "runners resume takes options only, not all."],
    [["drian"], "There is no 'gpu-ci runners drian'. Did you mean drain?"],
  ])("refuse %j before anything is asked", async (args, message) => {
    await using api = await startKubernetesApi((_call, reply) => reply.refuse(500, "InternalError"));
    expect(await gpuCi(api, ...args)).toEqual({ code: 2, stdout: "", stderr: `gpu-ci: ${message}\n` });
    expect(api.calls).toEqual([]);
  });

  it("need no right to see pods", async () => {
    const store = createStore([chart]);
    await using api = await startKubernetesApi(store.handler);
    await gpuCi(api, "drain", "--node", "box");
    await gpuCi(api, "resume");
    await gpuCi(api, "resume", "--node", "box");
    expect(api.calls.filter(({ path }) => path.includes("/pods"))).toEqual([]);
  });
});

describe("gpu-ci runners status --json", () => {
  it("gives the switch and the runners as one document", async () => {
    const store = createStore([{ ...chart, data: { STATE: "Running" } }]);
    await using api = await startKubernetesApi(store.handler);
    await gpuCi(api, "drain", "--node", "box");
    const { code, stdout } = await gpuCi(api, "status", "--json");
    const { runners, ...rest } = JSON.parse(stdout);
    expect([code, rest]).toEqual([
      0,
      {
        namespace: "gpu-ci",
        mistakes: [],
        global: { state: "Running" },
        nodes: { box: { state: "DrainAndSuspend" } },
      },
    ]);
    expect(runners).toMatchObject([
      { name: "r1", node: "a", activity: "idle" },
      { name: "r2", node: "a", activity: "idle" },
    ]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createObject, patchObject } from "../../lib/kubernetes/object.ts";
import { configMaps, type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { createRunnerNamespace, type RunnerNamespace } from "../support/installed-runners.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";

const opened = new AsyncDisposableStack();
let runners: RunnerNamespace;
beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  runners = opened.use(await createRunnerNamespace("chart-admission"));
  await runners.install();
});
afterAll(() => opened.disposeAsync());

const foreign = `registry.example/team/image@sha256:${"0".repeat(64)}`;
const ofJobs = { "app.kubernetes.io/managed-by": "gpu-ci" };

/** Asks the API server to take a pod of the jobs' namespace, without keeping it: `created`, or why not. */
async function pod(spec: object, place: { namespace?: string; labels?: Record<string, string> } = {}): Promise<string> {
  const { namespace = runners.jobs, labels = ofJobs } = place;
  const containers = [{ name: "main", image: runners.image }];
  const wanted = { metadata: { name: "pod", labels }, spec: { containers, ...spec } } as Pod;
  return createObject(runners.cluster, pods, wanted, { namespace, dryRun: true }).then(() => "created", String);
}

const container = (image: string) => ({ containers: [{ name: "main", image }] });

describe("pods of the jobs' namespace", () => {
  it("come by digest from our own registry", async () => {
    expect(await pod({})).toBe("created");
    expect(await pod(container(foreign))).toContain(
      `image ${foreign}: only ${process.env.REGISTRY} and only by digest`,
    );
    const byTag = `${process.env.REGISTRY}/team/image:latest`;
    expect(await pod(container(byTag))).toContain(`image ${byTag}: only`);
    // A registry that only begins like ours.
    const alike = foreign.replace("registry.example", `${process.env.REGISTRY}.example`);
    expect(await pod(container(alike))).toContain(`image ${alike}: only`);
  });

  it("do so in every place that an image can be named", async () => {
    const refused = `image ${foreign}: only`;
    expect(await pod({ initContainers: [{ name: "first", image: foreign }] })).toContain(refused);
    expect(await pod({ volumes: [{ name: "data", image: { reference: foreign } }] })).toContain(refused);
    const { cluster, jobs, image } = runners;
    const running = { metadata: { name: "running", labels: ofJobs }, spec: container(image) } as Pod;
    await createObject(cluster, pods, running, { namespace: jobs });
    const path = `/api/v1/namespaces/${jobs}/pods/running`;
    const debug = (reference: string) => ({ ephemeralContainers: [{ name: "debug", image: reference }] });
    const patch = (place: string, spec: object) =>
      cluster
        .request({
          method: "PATCH",
          path: `${path}${place}`,
          body: { spec },
          contentType: "application/strategic-merge-patch+json",
        })
        .then(() => "patched", String);
    expect(await patch("/ephemeralcontainers", debug(foreign))).toContain(refused);
    expect(await patch("/ephemeralcontainers", debug(image))).toBe("patched");
    expect(await patch("", container(foreign))).toContain(refused);
  });

  it("carry our label, whoever makes them", async () => {
    expect(await pod({}, { labels: {} })).toContain("pods carry the label app.kubernetes.io/managed-by=gpu-ci");
  });

  it("have no part of the host", async () => {
    expect(await pod({ hostNetwork: true })).toContain('violates PodSecurity "baseline:latest"');
    expect(await pod({ volumes: [{ name: "host", hostPath: { path: "/" } }] })).toContain("hostPath");
  });
});

describe("pods of the release's namespace", () => {
  it("come from our own registry, or are what the values name", async () => {
    const { name: namespace } = runners;
    expect(await pod({}, { namespace, labels: {} })).toBe("created");
    expect(await pod(container(foreign), { namespace })).toContain(`image ${foreign}: only`);
    await runners.install({ runner: { image: foreign } });
    await expect.poll(() => pod(container(foreign), { namespace }), { timeout: 60_000 }).toBe("created");
    expect(await pod(container(foreign))).toContain(`image ${foreign}: only`);
  });
});

describe("the drain switch", () => {
  const change = (data: Record<string, string>) =>
    patchObject(runners.cluster, configMaps, "gpu-ci-runners", { patch: { data } }).then(() => "patched", String);

  it("takes its three states and durations", async () => {
    for (const STATE of ["DrainAndTerminate", "DrainAndSuspend", "Running"])
      expect(await change({ STATE })).toBe("patched");
    for (const DEADLINE of ["90s", "1h30m", "600", "1.5h"]) expect(await change({ DEADLINE })).toBe("patched");
  });

  it("refuses everything else, for one node too", async () => {
    expect(await change({ STATE: "Drain" })).toContain(
      "STATE is Drain: it may be Running, DrainAndSuspend or DrainAndTerminate",
    );
    expect(await change({ DEADLINE: "soon" })).toContain("DEADLINE is soon: it may be a duration");
    const ofNode = { metadata: { name: "gpu-ci-runners-node1" }, data: { STATE: "Off" } };
    await expect(createObject(runners.cluster, configMaps, ofNode)).rejects.toThrow("STATE is Off");
  });
});

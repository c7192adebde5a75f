import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Finding } from "../../cli/doctor/finding.ts";
import { runnerFindings } from "../../cli/doctor/runner-findings.ts";
import { createObject, deleteObject, getObject } from "../../lib/kubernetes/object.ts";
import { type ApiObject, configMaps, deployments, pods, type Resource } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const group = "actions.github.com";
const definitions: Resource<ApiObject> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};
const ephemeralRunners: Resource<ApiObject> = {
  group,
  version: "v1alpha1",
  plural: "ephemeralrunners",
  kind: "EphemeralRunner",
  namespaced: true,
};
const definitionName = `ephemeralrunners.${group}`;

let real: RealCluster;
let image = "";
let hasMadeDefinition = false;
beforeAll(async () => {
  real = await openRealCluster("doctor-runners");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "doctor/busybox" });
});
afterAll(async () => {
  if (hasMadeDefinition) await deleteObject(real.cluster, definitions, definitionName);
  await real[Symbol.asyncDispose]();
});

/** What doctor says about runners of this test, so many minutes from now. */
async function examine(minutes: number): Promise<readonly Finding[]> {
  const now = new Date(Date.now() + minutes * 60_000);
  const findings = await runnerFindings(real.cluster, { now, signal: AbortSignal.timeout(60_000) });
  return findings.filter(({ found, remedy }) => `${found} ${remedy}`.includes(real.namespace));
}

async function startRunner(name: string, runnerImage: string, state: string): Promise<void> {
  const labels = {
    "app.kubernetes.io/managed-by": "gpu-ci",
    "app.kubernetes.io/component": "runner",
    "gpu-ci/runner": "test",
    "gpu-ci/runner-state": state,
  };
  const container = { name: "runner", image: runnerImage, command: ["/bin/sleep", "600"] };
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
  await createObject(real.cluster, pods, { metadata: { name, labels }, spec });
}

/** ARC's kind as far as doctor reads it, where ARC itself is not installed. */
async function ensureDefinition(): Promise<void> {
  if ((await getObject(real.cluster, definitions, definitionName)) !== undefined) return;
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const spec = {
    group,
    scope: "Namespaced",
    names: { plural: "ephemeralrunners", singular: "ephemeralrunner", kind: "EphemeralRunner" },
    versions: [{ name: "v1alpha1", served: true, storage: true, schema }],
  };
  await createObject(real.cluster, definitions, { metadata: { name: definitionName }, spec } as ApiObject);
  hasMadeDefinition = true;
  const options = { fieldSelector: `metadata.name=${definitionName}`, signal: AbortSignal.timeout(60_000) };
  for await (const { object } of watchObjects(real.cluster, definitions, options)) {
    // Null until the server has looked at it.
    const conditions: { type: string; status: string }[] = Object(object).status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return;
  }
}

describe("doctor on runners", () => {
  it("gives a runner five minutes, then says what its pod waits for", async () => {
    await startRunner("unpullable", `${process.env.REGISTRY}/doctor/absent:none`, "starting");
    await real.waitForPod("unpullable", ({ status }) =>
      /ErrImagePull|ImagePullBackOff/.test(status?.containerStatuses?.[0]?.state?.waiting?.reason ?? ""),
    );
    expect((await examine(1)).map(({ code }) => code)).toEqual([]);
    expect((await examine(10)).map(({ code, cause }) => [code, cause])).toEqual([
      [
        "runner-not-ready",
        expect.stringMatching(/^doctor-runners-\w+\/unpullable \(runner\): (ErrImagePull|ImagePullBackOff): /),
      ],
    ]);
    await deleteObject(real.cluster, pods, "unpullable", { gracePeriodSeconds: 0 });
  });

  it("tells a runner that runs and was never seen at the forge", async () => {
    await startRunner("unseen", image, "starting");
    await real.waitForPod("unseen", ({ status }) => status?.phase === "Running");
    expect((await examine(10)).map(({ code }) => code)).toEqual(["runner-offline"]);
    await deleteObject(real.cluster, pods, "unseen", { gracePeriodSeconds: 0 });
  });

  it("lists runners that ARC has given up", async () => {
    await ensureDefinition();
    const status = {
      phase: "Failed",
      reason: "TooManyPodFailures",
      message: "Pod has failed to start more than 5 times",
    };
    await createObject(real.cluster, ephemeralRunners, { metadata: { name: "gpu-x7" }, status } as ApiObject);
    expect((await examine(60)).map(({ code, cause }) => [code, cause])).toEqual([
      [
        "ephemeral-runner-failed",
        "TooManyPodFailures: Pod has failed to start more than 5 times; ARC keeps it and counts it as capacity",
      ],
    ]);
    await deleteObject(real.cluster, ephemeralRunners, "gpu-x7");
  });

  it("tells a controller that does not run", async () => {
    const labels = { "app.kubernetes.io/part-of": "gpu-ci", "app.kubernetes.io/component": "controller" };
    const command = ["/bin/sh", "-c", "echo 'the token is missing' >/dev/termination-log; exit 2"];
    const template = { metadata: { labels }, spec: { containers: [{ name: "controller", image, command }] } };
    const spec = { replicas: 1, selector: { matchLabels: labels }, template };
    await createObject(real.cluster, deployments, { metadata: { name: "gpu-ci-controller" }, spec });
    const signal = AbortSignal.timeout(60_000);
    for await (const { object } of watchObjects(real.cluster, pods, { signal })) {
      const { state, lastState } = object.status?.containerStatuses?.[0] ?? {};
      if (state?.terminated ?? lastState?.terminated) break;
    }
    expect((await examine(0)).map(({ code, found }) => [code, found])).toEqual([
      ["controller-not-ready", expect.stringContaining("ended with exit code 2: the token is missing")],
    ]);
    await deleteObject(real.cluster, deployments, "gpu-ci-controller");
  });

  it("says that a node is drained, and how to resume", async () => {
    await createObject(real.cluster, configMaps, { metadata: { name: "gpu-ci-runners" }, data: { STATE: "Running" } });
    const data = { STATE: "DrainAndTerminate" };
    await createObject(real.cluster, configMaps, { metadata: { name: "gpu-ci-runners-box" }, data });
    expect((await examine(0)).map(({ code, remedy }) => [code, remedy])).toEqual([
      ["runners-drained", `gpu-ci runners resume --namespace ${real.namespace} --node box`],
    ]);
    await deleteObject(real.cluster, configMaps, "gpu-ci-runners-box");
    await deleteObject(real.cluster, configMaps, "gpu-ci-runners");
  });
});

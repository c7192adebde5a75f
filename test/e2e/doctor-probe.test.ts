import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { probeFindings } from "../../cli/doctor/probe-findings.ts";
import { createObject, deleteObject, listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { type ApiObject, namespaces, pods, type Resource } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { runDoctor } from "../support/doctor.ts";
import { root } from "../support/house.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const registry = process.env.REGISTRY ?? "";
const quotas: Resource<ApiObject> = {
  group: "",
  version: "v1",
  plural: "resourcequotas",
  kind: "ResourceQuota",
  namespaced: true,
};

let real: RealCluster;
let image = "";
beforeAll(async () => {
  real = await openRealCluster("doctor-probe");
  image = await pushBusyboxImage({ registry, repository: "doctor/busybox" });
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await patchObject(real.cluster, namespaces, real.namespace, { patch: { metadata: { labels } } });
});
afterAll(() => real[Symbol.asyncDispose]());

/** What a probe finds, with the name that pods shall use; `undefined` where nobody says one. */
async function probe(probeImage: string, inCluster: string | undefined) {
  const findings = await probeFindings(real.cluster, {
    registry: { push: registry, pull: registry, inCluster },
    image: probeImage,
    env: process.env,
    now: new Date(),
    timeoutMs: 60_000,
    signal: AbortSignal.timeout(120_000),
  });
  return findings.map(({ topic, state, code, found, cause }) => ({ topic, state, code, found, cause }));
}

/** A quota binds once its controller has counted. */
async function inForce(name: string): Promise<void> {
  const options = { fieldSelector: `metadata.name=${name}`, signal: AbortSignal.timeout(60_000) };
  for await (const { object } of watchObjects(real.cluster, quotas, options)) {
    if (Object(object).status?.hard !== undefined) return;
  }
}

const podsLeft = async () => (await listObjects(real.cluster, pods)).items.map(({ metadata }) => metadata?.name);

describe("doctor's probe of the registry", () => {
  it("finds that kubelet and pod reach the cluster's registry, under Pod Security restricted, and leaves nothing", async () => {
    const { findings } = await runDoctor(["--probe", "--probe-image", image, "--namespace", real.namespace]);
    const probed = findings.filter(({ topic }) => topic.startsWith("from "));
    expect(probed.map(({ topic, state }) => [topic, state])).toEqual([
      ["from the kubelet", "ok"],
      ["from a pod", "ok"],
    ]);
    expect(await podsLeft()).toEqual([]);
  });

  it("tells an image that the registry does not have", async () => {
    const absent = `${registry}/doctor/absent@sha256:${"0".repeat(64)}`;
    expect(await probe(absent, undefined)).toEqual([
      {
        topic: "from the kubelet",
        state: "missing",
        code: "kubelet-cannot-pull",
        found: expect.stringContaining(absent),
        cause: "it does not have this image",
      },
    ]);
  });

  it("tells a registry that the node does not reach", async () => {
    const nowhere = `localhost:1/doctor/busybox@${image.split("@")[1]}`;
    expect((await probe(nowhere, undefined)).map(({ code, cause }) => [code, cause])).toEqual([
      ["kubelet-cannot-pull", "the node does not reach it by this name"],
    ]);
  });

  it("tells a name that pods do not reach, and one that nobody says", async () => {
    const codes = async (inCluster: string | undefined) =>
      (await probe(image, inCluster)).map(({ code, found }) => [code, found]).slice(1);
    expect(await codes("127.0.0.1:1")).toEqual([
      ["pod-cannot-reach-registry", expect.stringMatching(/^127\.0\.0\.1:1: .*refused/)],
    ]);
    expect((await codes(undefined)).map(([code]) => code)).toEqual(["in-cluster-name-unknown"]);
  });

  it("admits that an image without a shell can tell of the kubelet only", async () => {
    const bare = await pushBusyboxImage({ registry, repository: "doctor/shellless", shell: false });
    expect((await probe(bare, "127.0.0.1:1")).map(({ state, code }) => [state, code])).toEqual([
      ["ok", undefined],
      ["absent", "probe-without-tool"],
    ]);
  });

  it("says why the cluster refuses its pod", async () => {
    await createObject(real.cluster, quotas, {
      metadata: { name: "none" },
      spec: { hard: { pods: "0" } },
    } as ApiObject);
    await inForce("none");
    expect((await probe(image, undefined)).map(({ code, found }) => [code, found])).toEqual([
      ["probe-refused", expect.stringContaining("exceeded quota: none")],
    ]);
    await deleteObject(real.cluster, quotas, "none");
  });

  it("removes its pod when it is interrupted", async () => {
    // A registry that takes connections and says nothing: the pull does not end by itself.
    const silent = createServer();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const args = ["doctor", "--probe", "--probe-image", `localhost:${port}/doctor/busybox@${image.split("@")[1]}`];
    const child = spawn(join(root, "bin/gpu-ci"), [...args, "--namespace", real.namespace], { stdio: "ignore" });
    const exited = once(child, "exit");
    for await (const { type } of watchObjects(real.cluster, pods, { signal: AbortSignal.timeout(60_000) })) {
      if (type === "ADDED") break;
    }
    child.kill("SIGINT");
    expect(await exited).toEqual([130, null]);
    expect(await podsLeft()).toEqual([]);
    silent.close();
  });
});

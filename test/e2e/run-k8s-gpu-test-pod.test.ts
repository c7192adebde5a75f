import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createObject, deleteObject, listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import {
  type ApiObject,
  configMaps,
  type Job,
  jobs,
  type Pod,
  pods,
  type Resource,
} from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const v1 = { version: "v1", namespaced: false };
const runtimeClasses: Resource<ApiObject> = {
  ...v1,
  group: "node.k8s.io",
  plural: "runtimeclasses",
  kind: "RuntimeClass",
};
const priorityClasses: Resource<ApiObject> = {
  ...v1,
  group: "scheduling.k8s.io",
  plural: "priorityclasses",
  kind: "PriorityClass",
};
const accounts: Resource<ApiObject> = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};
const templates: Resource<ApiObject> = {
  group: "resource.k8s.io",
  version: "v1",
  plural: "resourceclaimtemplates",
  kind: "ResourceClaimTemplate",
  namespaced: true,
};

let real: RealCluster;
let image: string;
let before: readonly string[];
beforeAll(async () => {
  real = await openRealCluster("gpu-pod");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  const name = real.namespace;
  await createObject(real.cluster, runtimeClasses, { metadata: { name }, handler: "runc" } as ApiObject);
  await createObject(real.cluster, priorityClasses, { metadata: { name }, value: 1000 } as ApiObject);
  await createObject(real.cluster, accounts, { metadata: { name: "tester" } });
  await createObject(real.cluster, configMaps, { metadata: { name: "conf" }, data: { a: "from the map\n" } });
  const exactly = { deviceClassName: "no-such-device" };
  await createObject(real.cluster, templates, {
    metadata: { name: "whole-gpu" },
    spec: { spec: { devices: { requests: [{ name: "gpu", exactly }] } } },
  } as ApiObject);
  await using _warm = await run({ command: "true" });
  before = await snapshotCluster(real.cluster, { onlyNamespace: true });
  return async () => {
    await deleteObject(real.cluster, runtimeClasses, name);
    await deleteObject(real.cluster, priorityClasses, name);
    await real[Symbol.asyncDispose]();
  };
});
afterEach(async () => expect(await snapshotCluster(real.cluster, { onlyNamespace: true })).toEqual(before));

const run = (inputs: Record<string, string>) =>
  runGpuTest({ inputs: { image, namespace: real.namespace, gpus: "0", ...inputs } });

/** The first object of a kind that fits, as the API server has it. */
async function seen<T extends ApiObject>(resource: Resource<T>, isIt: (object: T) => boolean): Promise<T> {
  const signal = AbortSignal.timeout(120_000);
  for await (const { object } of watchObjects(real.cluster, resource, { signal })) if (isIt(object)) return object;
  throw new Error(`no ${resource.kind} came`);
}

describe("the pod", () => {
  it("is placed, named and mounted as the inputs say, and the patch has the last word", async () => {
    const pod = seen<Pod>(pods, ({ status }) => status?.phase === "Running");
    const result = run({
      command:
        "cat /conf/a; id -u; ls /var/run/secrets/kubernetes.io 2>&1; df -k /dev/shm | tail -1 | awk '{print $2}'; sleep 1",
      gpus: "1",
      cpu: "200m",
      memory: "64Mi",
      "shm-size": "16Mi",
      "run-as": "1234",
      "node-selector": "nvidia.com/gpu.product=Simulated-GPU",
      tolerations: "team=ml:NoExecute",
      "runtime-class": real.namespace,
      "priority-class": real.namespace,
      "service-account": "tester",
      volumes: "configmap:conf:/conf:ro\nempty:1Mi:/scratch",
      "pod-patch": "{metadata: {labels: {team: ml}}, spec: {hostname: patched, terminationGracePeriodSeconds: 1}}",
    });
    const { metadata, spec } = await pod;
    await using ended = await result;
    expect([ended.outputs.reason, ended.console]).toEqual([
      "passed",
      "from the map\n1234\nls: /var/run/secrets/kubernetes.io: No such file or directory\n16384\n",
    ]);
    expect(metadata?.labels?.team).toBe("ml");
    expect(spec).toMatchObject({
      nodeSelector: { "nvidia.com/gpu.product": "Simulated-GPU" },
      runtimeClassName: real.namespace,
      priorityClassName: real.namespace,
      priority: 1000,
      serviceAccountName: "tester",
      automountServiceAccountToken: false,
      hostname: "patched",
      terminationGracePeriodSeconds: 1,
    });
    expect(spec?.tolerations).toContainEqual({ key: "team", operator: "Equal", value: "ml", effect: "NoExecute" });
    const amounts = { cpu: "200m", memory: "64Mi", "nvidia.com/gpu": "1" };
    expect(spec?.containers[0]?.resources).toEqual({ requests: amounts, limits: amounts });
  });

  it("gets files of the project by the run's Secret, and no log shows them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gpu-ci-files-"));
    try {
      await writeFile(join(folder, "token.txt"), "a-secret-in-a-file\n");
      const volumes = "file:token.txt:/etc/app/token.txt";
      await using result = await run({
        command: "cat /etc/app/token.txt; wc -c < /etc/app/token.txt",
        volumes,
        "working-directory": folder,
      });
      expect(result.console).toBe("***\n19\n");
      await expect(run({ command: "true", volumes: "file:none:/x", "working-directory": folder })).rejects.toThrow(
        "Input volumes is",
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("waits suspended in a queue, says so, and runs when the queue admits it", async () => {
    const job = seen<Job>(jobs, ({ spec }) => spec?.suspend === true);
    const result = run({ command: "echo admitted", "queue-name": "team" });
    const { metadata } = await job;
    const { items } = await listObjects(real.cluster, pods);
    // As Kueue admits: the flavour's node labels, and suspend false.
    const nodeSelector = { "nvidia.com/gpu.present": "true" };
    const patch = { spec: { suspend: false, template: { spec: { nodeSelector } } } };
    await patchObject(real.cluster, jobs, metadata?.name ?? "", { patch });
    await using ended = await result;
    expect([metadata?.labels?.["kueue.x-k8s.io/queue-name"], items]).toEqual(["team", []]);
    expect([ended.outputs.reason, ended.console]).toEqual(["passed", "admitted\n"]);
  });

  it("that no queue admits is told so at pending-timeout", async () => {
    await using result = await run({ command: "true", "queue-name": "team", "pending-timeout": "6s" });
    expect([result.exitCode, result.outputs.reason]).toEqual([3, "pending-timeout"]);
    expect(result.outputs["reason-detail"]).toContain("suspended until queue team admits it");
  });

  it("asks for GPUs by claims from a template, which the scheduler answers", async () => {
    const pod = seen<Pod>(
      pods,
      ({ status }) => status?.conditions?.some(({ type }) => type === "PodScheduled") === true,
    );
    const result = run({
      command: "true",
      gpus: "1",
      "gpu-resource": "resource.k8s.io/whole-gpu",
      "pending-timeout": "10s",
    });
    const { spec, metadata } = await pod;
    await using ended = await result;
    expect([spec?.resourceClaims, spec?.containers[0]?.resources?.claims]).toEqual([
      [{ name: "gpu-0", resourceClaimTemplateName: "whole-gpu" }],
      [{ name: "gpu-0" }],
    ]);
    expect([metadata?.name?.startsWith("gpu-ci-"), ended.outputs.reason]).toEqual([true, "pending-timeout"]);
    expect(ended.outputs["reason-detail"]).toMatch(/no-such-device|device class/i);
  });
});

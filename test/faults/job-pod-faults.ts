import { setTimeout as sleep } from "node:timers/promises";
import { deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { jobs, nodes, pods } from "../../lib/kubernetes/resource.ts";
import { startRegistryProxy } from "../support/registry-proxy.ts";
import type { JobFault } from "./job-fault.ts";
import type { JobScene } from "./job-scene.ts";
import { createBystander } from "./namespace-faults.ts";

const missing = `sha256:${"0".repeat(64)}`;
const begun = { command: "echo begun; sleep 3600", log: /^begun\n/ };
const test = (fields: object) => JSON.stringify({ spec: { containers: [{ name: "test", ...fields }] } });
const patched = (patch: object | string) => () => ({
  "pod-patch": typeof patch === "string" ? patch : JSON.stringify(patch),
});

/** F20 to F34 but those that stop a part: what happens to a pod between its creation and its end. */
export const jobPodFaults: readonly JobFault[] = [
  {
    id: "F20",
    name: "more GPUs than any node has",
    command: "true",
    inputs: () => ({ gpus: "99", "pending-timeout": "60s" }),
    truth: { verdict: "infrastructure", says: /Insufficient nvidia\.com\/gpu|largest node has/ },
  },
  {
    id: "F20",
    name: "no node with the label",
    command: "true",
    inputs: () => ({ "node-selector": "gpu-ci-faults/nowhere=yes", "pending-timeout": "15s" }),
    truth: { verdict: "infrastructure", says: /node affinity\/selector/ },
  },
  {
    id: "F21",
    name: "image not found",
    command: "true",
    inputs: ({ image }) => ({ "pod-patch": test({ image: image.replace(/sha256:.*/, missing) }) }),
    truth: { verdict: "infrastructure", says: /not found/ },
  },
  {
    ...pullFault("registry asks for a login", 401, 1000),
    truth: { verdict: "infrastructure", says: /401|unauthorized|authoriz/i },
  },
  {
    ...pullFault("registry answers 503 for a while", 503, 8),
    // The kubelet itself waits 10, 20, 40 and 80 s between its tries, and as long again as each of them takes.
    limitMs: 240_000,
    truth: { verdict: "passed", log: "pulled\n" },
  },
  ...(
    [
      [
        "environment from a ConfigMap that is not there",
        { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "absent", key: "a" } } }] },
        /configmap "absent" not found/,
      ],
      ["an image name that is none", { image: "UPPER::case" }, /InvalidImageName|invalid reference format/],
      ["a command that is not in the image", { command: ["/no/such/program"] }, /no such file/],
    ] as const
  ).map(
    ([name, fields, says]): JobFault => ({
      id: "F22",
      name,
      command: "true",
      inputs: patched(test(fields)),
      truth: { verdict: "infrastructure", says },
    }),
  ),
  {
    id: "F23",
    name: "out of memory",
    command: "echo begun; head -c 200m /dev/zero | tail",
    inputs: () => ({ memory: "32Mi" }),
    truth: { verdict: "failed", says: /OOMKilled|memory limit of 32Mi/, log: begun.log },
  },
  {
    id: "F23",
    name: "out of memory, but exit code 0",
    command: "echo begun; (head -c 200m /dev/zero | tail >/dev/null); exit 0",
    inputs: () => ({ memory: "32Mi" }),
    truth: { verdict: "failed", says: /OOMKilled|memory limit of 32Mi/ },
  },
  {
    id: "F24",
    name: "evicted: more than its disk",
    command: "echo begun; head -c 20000000 /dev/zero >/fill/x; sleep 3600",
    limitMs: 120_000,
    inputs: ({ image }) => ({ "pod-patch": filledDisk(image) }),
    truth: { verdict: "infrastructure", says: /[Uu]sage of EmptyDir/, log: begun.log },
  },
  {
    id: "F24",
    name: "evicted by the API",
    ...begun,
    strike: eachRunning(evict),
    truth: { verdict: "infrastructure", says: /[Ee]vict/, log: begun.log },
  },
  {
    id: "F24",
    name: "evicted, and tried again",
    oursAlone: true,
    command: 'echo "on $HOSTNAME"; case $HOSTNAME in *-r1-*) exit 0 ;; esac; sleep 3600',
    inputs: () => ({ "retry-on-disruption": "1" }),
    strike: eachRunning(evict),
    truth: { verdict: "passed", says: /Disrupted, trying again \(1 of 1\)[\s\S]*Its log is/ },
  },
  {
    id: "F27",
    name: "pod deleted by a person",
    ...begun,
    strike: eachRunning(({ cluster }, name) => deleteObject(cluster, pods, name)),
    truth: { verdict: "infrastructure", says: /deleted pod/, log: begun.log },
  },
  {
    id: "F28",
    name: "Job deleted while it runs",
    ...begun,
    strike: eachRunning(({ cluster, jobName }) =>
      deleteObject(cluster, jobs, jobName, { propagationPolicy: "Background" }),
    ),
    truth: { verdict: "infrastructure", says: /deleted/, log: begun.log },
  },
  { id: "F29", name: "ends at once, well", command: "echo hi", truth: { verdict: "passed", log: "hi\n" } },
  {
    id: "F29",
    name: "ends at once, with 7",
    command: "echo hi; exit 7",
    truth: { verdict: "failed", says: /exit code 7|BackoffLimit/, log: "hi\n" },
  },
  {
    id: "F30",
    name: "another container of the pod runs on",
    command: "echo hi",
    inputs: ({ image }) => ({
      "pod-patch": JSON.stringify({ spec: { containers: [{ name: "other", image, command: ["sleep", "3600"] }] } }),
    }),
    truth: { verdict: "passed", log: "hi\n" },
  },
  {
    id: "F31",
    name: "container restarts after a failure",
    command: "if [ -e /keep/x ]; then echo second; exit 0; fi; : >/keep/x; echo first; exit 4",
    inputs: patched({
      spec: {
        restartPolicy: "OnFailure",
        containers: [{ name: "test", volumeMounts: [{ name: "keep", mountPath: "/keep" }] }],
        volumes: [{ name: "keep", emptyDir: {} }],
      },
    }),
    truth: { verdict: "failed", check: ({ log }) => (log?.includes("first\n") ? undefined : "the first log is lost") },
  },
  {
    id: "F32",
    name: "deadline exceeded",
    ...begun,
    inputs: () => ({ timeout: "5s" }),
    truth: { verdict: "failed", says: /at its timeout|DeadlineExceeded/, log: begun.log },
  },
  {
    id: "F34",
    name: "a runner's pod holds the only GPU",
    command: "true",
    before: holdOnlyGpu,
    inputs: ({ notes }) => ({ gpus: "1", "gpu-resource": notes.get("gpu") ?? "", "pending-timeout": "15s" }),
    truth: ({ namespace }) => ({
      verdict: "infrastructure",
      says: new RegExp(`held by [\\s\\S]*${namespace}/the-runner`),
    }),
  },
];

function eachRunning(strike: (scene: JobScene, pod: string) => Promise<unknown>) {
  return async (scenes: readonly JobScene[]) => {
    for (const scene of scenes) {
      const pod = await scene.running();
      // Its first words are out by then.
      await sleep(1000);
      await strike(scene, pod.metadata?.name ?? "");
    }
  };
}

function evict({ cluster, namespace }: JobScene, name: string): Promise<unknown> {
  return cluster.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
    body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name } },
  });
}

function filledDisk(image: string): string {
  const mount = { name: "fill", mountPath: "/fill" };
  const volume = { name: "fill", emptyDir: { sizeLimit: "5Mi" } };
  return JSON.stringify({ spec: { containers: [{ name: "test", image, volumeMounts: [mount] }], volumes: [volume] } });
}

/** The image lies behind a registry of its own, which refuses so many requests for it. */
function pullFault(name: string, status: number, times: number): Omit<JobFault, "truth"> {
  return {
    id: "F21",
    name,
    command: "echo pulled",
    before: async ({ image, notes, undo }) => {
      const [host = "", path = ""] = image.split(/\/(.*)/);
      let struck = 0;
      const proxy = undo.use(await startRegistryProxy(host, () => (struck++ < times ? { status } : undefined)));
      notes.set("image", `${proxy.host}/${path}`);
    },
    inputs: ({ notes }) => ({ "pod-patch": test({ image: notes.get("image"), imagePullPolicy: "Always" }) }),
  };
}

/** A resource of the scene alone, which the node has once, in the hands of a pod with a runner's label. */
async function holdOnlyGpu(scene: JobScene): Promise<void> {
  const { cluster, namespace, notes, undo } = scene;
  const gpu = `faults.example.com/${namespace}`;
  notes.set("gpu", gpu);
  const { items } = await listObjects(cluster, nodes);
  const offer = (count: string | null) =>
    cluster.request({
      method: "PATCH",
      path: `/api/v1/nodes/${items[0]?.metadata?.name}/status`,
      body: { status: { capacity: { [gpu]: count } } },
      contentType: "application/merge-patch+json",
    });
  undo.defer(async () => void (await offer(null)));
  await offer("1");
  const labels = { "actions-ephemeral-runner": "True" };
  await createBystander(scene, "the-runner", { labels, limits: { [gpu]: "1" } });
  while (!(await listObjects(cluster, pods)).items.some(({ status }) => status?.phase === "Running")) await sleep(200);
}

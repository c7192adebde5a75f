import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { removeTest } from "../../lib/engine/kubernetes-removal.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import { proxyRight, roleRights } from "../../lib/kubernetes/needed-rights.ts";
import { createObject, deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { jobs, nodes, pods, secrets } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { silentLog } from "../../lib/log.ts";
import { type ApiRecorder, rightsUsed, startApiRecorder } from "../support/api-recorder.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import {
  accountKubeconfig,
  certificateAuthority,
  createRunnerNamespace,
  type RunnerNamespace,
} from "../support/installed-runners.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";

const opened = new AsyncDisposableStack();
let runners: RunnerNamespace;
let recorder: ApiRecorder;
let kubeconfig: string;
let account: Cluster;
beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  runners = opened.use(await createRunnerNamespace("chart-rights"));
  await runners.install();
  recorder = opened.use(await startApiRecorder(runners.cluster.server, certificateAuthority()));
  kubeconfig = await accountKubeconfig(runners, "gpu-ci-runner", recorder.url);
  account = await connectKubernetes({
    kubeconfig,
    context: undefined,
    namespace: undefined,
    env: {},
    log: silentLog,
  });
  opened.defer(() => account.close());
});
afterAll(() => opened.disposeAsync());

/** As much as is worth a connection of its own. */
const makeMuch = "head -c 70000000 /dev/urandom > big; sha256sum big";
const grantedRights = [...roleRights, proxyRight];
const run = (inputs: Record<string, string>) => runGpuTest({ inputs: { image: runners.image, kubeconfig, ...inputs } });

describe("what the actions ask of the API under the runners' account", () => {
  it("is enough for a test with a GPU, its log, its results and its files", async () => {
    const suite = '<testsuite name=\\"s\\"><testcase name=\\"adds\\"/></testsuite>';
    const command = `nvidia-smi -L && mkdir out && echo "${suite}" > out/r.xml`;
    await using passed = await run({ command, gpus: "auto", results: "out/*.xml", artifacts: "out" });
    expect([passed.exitCode, passed.outputs.reason, passed.outputs.passed]).toEqual([0, "passed", "1"]);
    expect(passed.host.lines.filter((line) => line.startsWith("warning"))).toEqual([]);
  });

  it("is enough to bring much back over the API server's proxy", async () => {
    await using passed = await run({ command: makeMuch, gpus: "0", artifacts: "big" });
    expect([passed.exitCode, passed.host.lines.filter((line) => line.includes("by exec"))]).toEqual([0, []]);
    expect(passed.host.lines).toContainEqual(expect.stringContaining("over the API server's proxy"));
  });

  it("is enough to tell why a test cannot start", async () => {
    await using waiting = await run({ command: "true", gpus: "99", "pending-timeout": "20s" });
    expect([waiting.exitCode, waiting.outputs.reason]).toEqual([3, "unschedulable"]);
    expect(waiting.outputs["reason-detail"]).toContain("nvidia.com/gpu");
  });

  it("is enough to tell who has the GPU that a test waits for", async () => {
    const { items } = await listObjects(runners.cluster, nodes);
    const gpus = Math.max(...items.map(({ status }) => Number(status?.allocatable?.["nvidia.com/gpu"] ?? 0)));
    await holdGpu("holder");
    await using waiting = await run({ command: "true", gpus: String(gpus), "pending-timeout": "8s" });
    expect([waiting.exitCode, waiting.outputs.reason]).toEqual([3, "pending-timeout"]);
    expect(waiting.host.lines.join("\n")).toContain(`is held by ${runners.jobs}/holder`);
    await deleteObject(runners.cluster, pods, "holder", { namespace: runners.jobs });
  });

  it("is enough to tell that the chart's policy refuses an image", async () => {
    const image = `registry.example/team/image@sha256:${"0".repeat(64)}`;
    await using refused = await run({ image, command: "true", gpus: "0" });
    expect([refused.exitCode, refused.outputs.reason]).toEqual([3, "admission-refused"]);
    expect(refused.outputs["reason-detail"]).toContain(
      `image ${image}: only ${process.env.REGISTRY} and only by digest`,
    );
  });

  it("is enough to remove what a killed run left: its post step at once, a later run when it has expired", async () => {
    await startAbandoned("killed", "2100-01-01T00:00:00Z");
    await removeTest(account, { name: "killed", run: "killed" });
    await startAbandoned("expired", "2020-01-01T00:00:00Z");
    await using sweeping = await run({ command: "sleep 2", gpus: "0" });
    expect(sweeping.host.lines.filter((line) => line.includes("an interrupted run left behind")).toSorted()).toEqual([
      "Removing Job expired, which an interrupted run left behind.",
      "Removing Secret expired, which an interrupted run left behind.",
    ]);
    expect((await listObjects(runners.cluster, jobs, { namespace: runners.jobs })).items).toEqual([]);
  });

  it("is enough to find the registry that the cluster announces", async () => {
    const signal = AbortSignal.timeout(30_000);
    const choice = { registry: "auto", kubeconfig, context: undefined, env: {}, log: silentLog, signal };
    expect((await chooseRegistry(choice)).push).toBe(process.env.REGISTRY);
  });

  it("was never refused, and is all that the chart grants", async () => {
    const { requests } = recorder;
    expect(requests.length).toBeGreaterThan(30);
    expect(requests.filter(({ status }) => status === 401 || status === 403)).toEqual([]);
    const inJobs = requests.filter(({ namespace }) => namespace === runners.jobs);
    // The WebSocket of an exec is a GET; the server checks it as create as well from Kubernetes 1.35 on.
    const granted = grantedRights
      .flatMap(({ group, resource, verbs }) => verbs.map((verb) => `${verb} ${fullName(resource, group)}`))
      .filter((right) => right !== "create pods/exec");
    expect(rightsUsed(inJobs)).toEqual(granted.toSorted());
    const elsewhere = requests.filter(({ namespace }) => namespace !== runners.jobs);
    expect(rightsUsed(elsewhere)).toEqual(["get configmaps", "list nodes", "list pods"]);
  });
});

describe("what the runners' account may do", () => {
  it.each([
    [
      "the jobs' namespace",
      () => runners.jobs,
      grantedRights.flatMap(({ group, resource, verbs }) =>
        verbs.map((verb) => `${verb} ${fullName(resource, group)}`),
      ),
    ],
    ["the release's namespace, where the forge's token is", () => runners.name, []],
    ["default", () => "default", []],
    ["kube-system", () => "kube-system", []],
    ["kube-public", () => "kube-public", ["get configmaps local-registry-hosting"]],
  ])("in %s is this and nothing else", async (_what, namespace, rights) => {
    expect(await rulesIn(namespace())).toEqual([...new Set([...rights, ...everywhere])].toSorted());
  });
});

// The observer's, and what Kubernetes gives to everybody: questions about oneself.
const everywhere = [
  ...["get", "list", "watch"].flatMap((verb) => [`${verb} nodes`, `${verb} pods`]),
  "create selfsubjectaccessreviews.authorization.k8s.io",
  "create selfsubjectreviews.authentication.k8s.io",
  "create selfsubjectrulesreviews.authorization.k8s.io",
];

function fullName(resource: string, group: string): string {
  return group === "" ? resource : `${resource}.${group}`;
}

/** As `kubectl auth can-i --list`. */
async function rulesIn(namespace: string): Promise<readonly string[]> {
  interface Rule {
    readonly apiGroups: string[];
    readonly resources: string[];
    readonly verbs: string[];
    readonly resourceNames?: string[];
  }
  const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  const review = await account.request<{ status: { resourceRules: Rule[] } }>({
    method: "POST",
    path,
    body: { spec: { namespace } },
  });
  const rights = review.status.resourceRules.flatMap(({ apiGroups, resources, verbs, resourceNames = [""] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => resourceNames.map((name) => `${verb} ${fullName(resource, group)} ${name}`.trimEnd())),
      ),
    ),
  );
  return [...new Set(rights)].toSorted();
}

async function holdGpu(name: string): Promise<void> {
  const resources = { limits: { "nvidia.com/gpu": "1" } };
  const container = { name: "hold", image: runners.image, command: ["/bin/sleep", "600"], resources };
  const metadata = { name, labels: { "app.kubernetes.io/managed-by": "gpu-ci" } };
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
  await createObject(runners.cluster, pods, { metadata, spec }, { namespace: runners.jobs });
  const signal = AbortSignal.timeout(60_000);
  const watched = { namespace: runners.jobs, fieldSelector: `metadata.name=${name}`, signal };
  for await (const { object } of watchObjects(runners.cluster, pods, watched)) {
    if (object.status?.phase === "Running") return;
  }
}

/** A Job and its Secret as a run of ours that was killed before it could clean up leaves them. */
async function startAbandoned(name: string, expires: string): Promise<void> {
  const labels = { "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": name };
  const metadata = { name, labels, annotations: { "gpu-ci/expires": expires } };
  const securityContext = { allowPrivilegeEscalation: false };
  const container = { name: "test", image: runners.image, command: ["/bin/sleep", "600"], securityContext };
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
  const template = { metadata: { labels }, spec };
  await createObject(account, secrets, { metadata });
  await createObject(account, jobs, { metadata, spec: { backoffLimit: 0, template } });
}

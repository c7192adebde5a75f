import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { exec } from "../../lib/exec.ts";
import { createObject, deleteObject } from "../../lib/kubernetes/object.ts";
import { pods } from "../../lib/kubernetes/resource.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

let real: RealCluster;
let image: string;
let before: readonly string[];
beforeAll(async () => {
  real = await openRealCluster("gpu-waiting");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  await using _warm = await run({ gpus: "0" });
  before = await snapshotCluster(real.cluster);
  return () => real[Symbol.asyncDispose]();
});

const run = (inputs: Record<string, string>, onLine?: (line: string) => void) =>
  runGpuTest({
    inputs: { image, namespace: real.namespace, command: "true", gpus: "1", "pending-timeout": "3m", ...inputs },
    ...(onLine ? { onLine } : {}),
  });

const kubectl = (words: readonly string[], input?: string) =>
  exec("kubectl", [...words, "--namespace", real.namespace], input === undefined ? {} : { stdin: input });

describe("a test that can never start fails at once, with words", () => {
  it.each<[string, Record<string, string>, string, RegExp]>([
    ["labels that no node has", { "node-selector": "zone=moon" }, "unschedulable", /None of the 1 nodes .* zone=moon/],
    ["a GPU that no plugin offers", { "gpu-resource": "example.com/gpu" }, "unschedulable", /No node offers example/],
    ["more memory than there is", { memory: "900Ti" }, "unschedulable", /No node can ever take it\. Node .* asked for/],
    ["a RuntimeClass that is not there", { "runtime-class": "moon" }, "admission-refused", /RuntimeClass "moon" not f/],
    ["a PriorityClass that is not there", { "priority-class": "moon" }, "admission-refused", /no PriorityClass .*moon/],
    ["a ServiceAccount that is not there", { "service-account": "moon" }, "admission-refused", /"moon" not found/],
    ["a volume claim that is not there", { volumes: "pvc:moon:/data" }, "unschedulable", /Claim moon does not exist/],
    ["a Secret that is not there", { volumes: "secret:moon:/data" }, "container-start-failed", /"moon" not found/],
    ["an image that is not there", { image: "localhost:32000/no/thing@sha256:" }, "image-pull-failed", /not found/],
  ])("%s", async (_name, inputs, reason, words) => {
    const given = inputs.image ? { image: `${inputs.image}${"0".repeat(64)}` } : inputs;
    await using result = await run({ ...given });
    expect([result.exitCode, result.outputs.reason]).toEqual([3, reason]);
    expect(result.outputs["reason-detail"]).toMatch(words);
    expect(Number(result.outputs["queue-ms"])).toBeLessThan(60_000);
  });

  it("leaves nothing behind", async () => {
    expect(await snapshotCluster(real.cluster)).toEqual(before);
  });

  it("a quota that is too small, but waits for one that is full", async () => {
    const quota = (name: string, hard: string) => kubectl(["create", "quota", name, `--hard=${hard}`]);
    await quota("none", "requests.nvidia.com/gpu=0");
    await using refused = await run({});
    expect([refused.outputs.reason, refused.outputs["reason-detail"]]).toEqual([
      "admission-refused",
      expect.stringContaining("The quota is smaller than the request"),
    ]);
    await kubectl(["delete", "quota", "none"]);
    await holdGpus("holder", 1);
    await quota("full", "requests.nvidia.com/gpu=1");
    const lines: string[] = [];
    await using waited = await run({}, (line) => {
      lines.push(line);
      if (line.includes("exceeded quota")) void kubectl(["delete", "quota/full", "pod/holder", "--wait=false"]);
    });
    expect([waited.outputs.reason, lines.some((line) => line.startsWith("Waiting: Job"))]).toEqual(["passed", true]);
  });
});

/** A pod that has GPUs and does nothing. */
async function holdGpus(name: string, amount: number): Promise<void> {
  const limits = { "nvidia.com/gpu": String(amount) };
  const container = { name: "main", image, command: ["sleep", "600"], resources: { limits } };
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
  await createObject(real.cluster, pods, { metadata: { name }, spec });
  await real.waitForPod(name, ({ status }) => status?.phase === "Running");
}

it("a test that waits is told who holds the GPUs, and starts when they are free", async () => {
  const { stdout } = await exec("kubectl", [
    "get",
    "node",
    "-o",
    "jsonpath={.items[0].status.allocatable.nvidia\\.com/gpu}",
  ]);
  await holdGpus("training", Number(stdout));
  const lines: string[] = [];
  await using result = await run({}, (line) => {
    lines.push(line);
    if (line.includes("is held by")) void deleteObject(real.cluster, pods, "training");
  });
  const told = lines.filter((line) => line.startsWith("Waiting: "));
  expect(told).toContainEqual(
    expect.stringMatching(/^Waiting: Node \S+ has 0 of \d+ nvidia\.com\/gpu free, 1 asked for\.$/),
  );
  expect(told).toContainEqual(expect.stringContaining(`is held by ${real.namespace}/training (${stdout}, for `));
  expect(result.outputs.reason).toBe("passed");
});

describe("an account without rights", () => {
  /** The kubeconfig of a new account that may do nothing. */
  async function accountOf(name: string): Promise<string> {
    await kubectl(["create", "serviceaccount", name]);
    const { stdout } = await kubectl(["create", "token", name]);
    const document = parse(readFileSync(process.env.KUBECONFIG ?? "", "utf8"));
    const users = document.users.map((user: { name: string }) => ({ name: user.name, user: { token: stdout.trim() } }));
    return JSON.stringify({ ...document, users });
  }
  const yamlOf = (text: string) => text.slice(text.indexOf("apiVersion:"));

  it("is told the Role to add, as YAML that works", async () => {
    const kubeconfig = await accountOf("bare");
    await using refused = await run({ kubeconfig, gpus: "0", artifacts: "x" });
    const detail = refused.host.outputs["reason-detail"] ?? "";
    expect([refused.outputs.reason, detail]).toEqual(["not-authorized", expect.stringContaining("create secrets")]);
    const said = refused.host.lines.join("\n");
    const manifest = yamlOf(detail.includes("kind: Role") ? detail : said);
    expect(parseAllDocuments(manifest).map((document) => document.toJS().kind)).toEqual(["Role", "RoleBinding"]);
    await kubectl(["apply", "-f", "-"], manifest);
    await using allowed = await run({ kubeconfig, gpus: "0", artifacts: "x" });
    expect(allowed.outputs.reason).toBe("passed");
  });

  it("still waits and is told what it may not see", async () => {
    const kubeconfig = await accountOf("blind");
    await kubectl(["create", "rolebinding", "blind", "--role=gpu-ci", `--serviceaccount=${real.namespace}:blind`]);
    const lines: string[] = [];
    await using result = await run({ kubeconfig, gpus: "99", "pending-timeout": "8s" }, (line) => lines.push(line));
    const told = lines.filter((line) => line.includes("cannot be told in full"));
    expect(told).toEqual([expect.stringContaining("may not get nodes, list nodes, watch nodes, get pods")]);
    expect(parseAllDocuments(yamlOf(told[0] ?? "")).map((document) => document.toJS().kind)).toEqual([
      "ClusterRole",
      "ClusterRoleBinding",
    ]);
    expect([result.outputs.reason, result.outputs["reason-detail"]]).toEqual([
      "pending-timeout",
      expect.stringContaining("Insufficient nvidia.com/gpu"),
    ]);
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/run-k8s-gpu-test/inputs.ts";
import { removeLeftovers } from "../../actions/run-k8s-gpu-test/remove-leftovers.ts";
import { saveStarted } from "../../actions/run-k8s-gpu-test/state.ts";
import { InputError } from "../../lib/error.ts";
import { createObject, deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { configMaps, secrets } from "../../lib/kubernetes/resource.ts";
import { actionInput } from "../support/action-input.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { type GpuTestRunOptions, runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost } from "../support/test-host.ts";

const program = fileURLToPath(new URL("../../bin/gpu-ci", import.meta.url));

let real: RealCluster;
let image: string;
let before: readonly string[];
let folder: string;
beforeAll(async () => {
  real = await openRealCluster("gpu-stack");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  await using _warm = await runGpuTest({ inputs: { image, namespace: real.namespace, command: "true", gpus: "0" } });
  before = await snapshotCluster(real.cluster, { onlyNamespace: true });
  return () => real[Symbol.asyncDispose]();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-stack-"));
  return () => rm(folder, { recursive: true });
});
afterEach(async () => expect(await snapshotCluster(real.cluster, { onlyNamespace: true })).toEqual(before));

async function run(manifest: string, inputs: Record<string, string>, onLine?: GpuTestRunOptions["onLine"]) {
  await writeFile(join(folder, "stack.yaml"), manifest);
  const common = { image, namespace: real.namespace, gpus: "0", manifests: "stack.yaml", "working-directory": folder };
  return runGpuTest({ inputs: { ...common, ...inputs }, ...(onLine ? { onLine } : {}) });
}

const web = `
kind: Deployment
apiVersion: apps/v1
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: {{ .Image }}
          command: [/bin/sh, -c, 'echo serving; mkdir -p /tmp/www; echo "$TOKEN" > /tmp/www/token; exec httpd -f -p 8080 -h /tmp/www']
          env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: web-token, key: token}}}]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Secret
metadata: {name: web-token}
stringData: {token: '{{ .TOKEN }}'}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: {{ .Namespace }}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;
const fetchToken = (port: number) =>
  `got=$(wget -qO- http://web:${port}/token); echo "token $got"; [ "$got" = "$TOKEN" ]`;

describe("a stack", () => {
  it("is ready before the test, is found by its names, shares a secret with it, and leaves its logs and nothing else", async () => {
    await using result = await run(web, { command: fetchToken(80), "secret-env": "TOKEN=s3cret-of-this-run" });
    expect([result.outputs.reason, result.console]).toEqual(["passed", "token ***\n"]);
    expect(result.host.lines).toContain("Made a stack of Secret web-token, Service web, Deployment web.");
    expect(result.host.lines.indexOf("The stack is ready.")).toBeGreaterThan(0);
    const logs = join(folder, "gpu-ci-results", result.outputs["job-name"] ?? "", "stack");
    const [name = ""] = await readdir(logs);
    expect([name, await readFile(join(logs, name), "utf8")]).toEqual([
      expect.stringMatching(/^web-.*-web\.log$/),
      "serving\n",
    ]);
  });

  it("that fails ends the run with its words and its last lines, and the test never begins", async () => {
    const job = `apiVersion: batch/v1\nkind: Job\nmetadata: {name: load}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: load, image: "{{ .Image }}", command: [/bin/sh, -c, "echo '##[error]the disk is full'; exit 4"]}]\n`;
    await using result = await run(job, { command: "echo never" });
    expect([result.exitCode, result.outputs.reason]).toEqual([3, "stack-failed"]);
    expect(result.outputs["reason-detail"]).toContain(
      "Job load of the stack failed: Job has reached the specified backoff limit",
    );
    expect(result.outputs["reason-detail"]).toMatch(/container load ended with exit code 4 \(Error\)/);
    expect(result.console).toMatch(/^\[load-\w+ load\] .*the disk is full\n$/);
    expect(result.console).not.toContain("##[error]");
  });

  it("that is not ready in time is explained by its pods and the cluster's events", async () => {
    const pod = `apiVersion: v1\nkind: Pod\nmetadata: {name: db}\nspec:\n  containers: [{name: db, image: "{{ .Registry }}/gpu-test/nothing:1"}]\n`;
    await using result = await run(pod, { command: "true", "pending-timeout": "8s" });
    expect([result.exitCode, result.outputs.reason]).toEqual([3, "pending-timeout"]);
    expect(result.outputs["reason-detail"]).toContain(
      "The stack was not ready within 8.0 s. Pod db: it is Pending and not ready",
    );
    expect(result.outputs["reason-detail"]).toMatch(/Pod db: container db: (ErrImagePull|ImagePullBackOff)/);
  });

  it.each([
    [
      "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: old}",
      "stack-failed",
      "this cluster serves no Deployment of extensions/v1beta1.",
    ],
    [
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}",
      "stack-failed",
      "ClusterRole all belongs to no namespace",
    ],
    [
      "apiVersion: v1\nkind: Service\nmetadata: {name: typo}\nspec: {port: 80}",
      "admission-refused",
      'unknown field \\"spec.port\\"',
    ],
  ])("of %j is refused as a whole, before anything is made", async (object, reason, words) => {
    const fine = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n---\n";
    await using result = await run(`${fine}${object}`, { command: "true" });
    expect(result.outputs.reason).toBe(reason);
    expect(result.outputs["reason-detail"]).toContain(words.replaceAll("\\", ""));
    expect(result.host.lines.filter((line) => line.startsWith("Made a stack"))).toEqual([]);
  });

  it("with a name that is unknown is an input error before anything is asked", async () => {
    const kubeconfig = '{"apiVersion":"v1","kind":"Config"}';
    const wrong = run("a: {{ .Regsitry }}", { command: "true", kubeconfig });
    await expect(wrong).rejects.toThrow(InputError);
    await expect(wrong).rejects.toThrow('"stack.yaml:1: .Regsitry"');
  });

  it("touches no object that is there already", async () => {
    await createObject(real.cluster, configMaps, { metadata: { name: "fine" }, data: { a: "theirs" } });
    await using result = await run("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\ndata: {a: ours}\n", {
      command: "true",
    });
    const { items } = await listObjects(real.cluster, configMaps, { fieldSelector: "metadata.name=fine" });
    await deleteObject(real.cluster, configMaps, "fine");
    expect(result.outputs["reason-detail"]).toContain(
      `ConfigMap fine is already in namespace ${real.namespace}: it is not of gpu-ci.`,
    );
    expect(items.map(({ data }) => data)).toEqual([{ a: "theirs" }]);
  });

  it("of a run that was killed is gone before the next one's is made", async () => {
    const marks = (run: string) => ({
      "app.kubernetes.io/managed-by": "gpu-ci",
      "gpu-ci/run": run,
      "gpu-ci/stack": "old",
    });
    const expired = { "gpu-ci/expires": "2020-01-01T00:00:00Z" };
    const list = JSON.stringify([
      { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true, name: "fine" },
    ]);
    await createObject(real.cluster, secrets, {
      metadata: { name: "old", labels: marks("0-1"), annotations: expired },
      stringData: { objects: list },
    });
    await createObject(real.cluster, configMaps, { metadata: { name: "fine", labels: marks("0-1") } });
    await using result = await run("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n", { command: "true" });
    expect(result.outputs.reason).toBe("passed");
    expect(result.host.lines).toContain("Removing stack old, which an interrupted run left behind.");
  });
});

describe("an interrupted run with a stack", () => {
  const never = `apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  containers:
    - name: db
      image: "{{ .Image }}"
      command: [/bin/sh, -c, "trap '' TERM; while :; do sleep 1; done"]
      readinessProbe: {exec: {command: ["false"]}}
`;
  const interruptAt = async (line: string, signal: NodeJS.Signals) => {
    await writeFile(join(folder, "stack.yaml"), never);
    const inputs = {
      image,
      namespace: real.namespace,
      gpus: "0",
      manifests: "stack.yaml",
      "working-directory": folder,
    };
    const flags = Object.entries({ ...inputs, command: "sleep 60" }).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(program, ["run-k8s-gpu-test", ...flags], { stdio: ["ignore", "ignore", "pipe"] });
    const exited = once(child, "exit") as Promise<[number | null]>;
    for await (const said of createInterface({ input: child.stderr })) if (said.includes(line)) break;
    child.stderr.resume();
    child.kill(signal);
    return (await exited)[0];
  };

  it.each(["Starting", "Made a stack", "it is Running and not ready"])(
    "leaves the cluster as it was after a cancel at %j",
    async (line) => {
      expect(await interruptAt(line, "SIGINT")).toBe(130);
    },
  );

  it("is removed by the post step when it was killed", async () => {
    expect(await interruptAt("it is Running and not ready", "SIGKILL")).toBe(null);
    const { items } = await listObjects(real.cluster, secrets, { labelSelector: "gpu-ci/stack" });
    const { name = "", labels } = items[0]?.metadata ?? {};
    await using host = createTestHost();
    const started = {
      engine: "kubernetes",
      name: name.replace(/-stack$/, ""),
      run: labels?.["gpu-ci/run"] ?? "",
      shards: 1,
    };
    saveStarted(host.state, started as Parameters<typeof saveStarted>[1]);
    const inputs = readInputs(actionInput("run-k8s-gpu-test", { image, namespace: real.namespace }));
    await removeLeftovers(() => inputs, host);
    expect(items.length).toBe(1);
  });
});

describe("test-keys", () => {
  it("are in the Secrets that the runner mounts, opened by their passphrase, and in no log", async () => {
    const volumes = "secret:studioml-runner-key-secret:/keys:ro\nsecret:studioml-runner-passphrase-secret:/pass:ro";
    const command =
      "head -2 /keys/ssh-privatekey; head -1 /keys/ssh-publickey; wc -c < /pass/ssh-passphrase; cat /pass/ssh-passphrase";
    await using result = await run("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n", {
      command,
      volumes,
      "test-keys": "true",
    });
    expect(result.console).toBe("***\n***\n-----BEGIN RSA PUBLIC KEY-----\n32\n***\n");
  });
});

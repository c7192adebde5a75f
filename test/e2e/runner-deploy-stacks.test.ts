import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { accountKubeconfig, createRunnerNamespace, type RunnerNamespace } from "../support/installed-runners.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";

const opened = new AsyncDisposableStack();
let runners: RunnerNamespace;
let kubeconfig: string;
let folder: string;
beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-stacks-"));
  opened.defer(() => rm(folder, { recursive: true }));
  runners = opened.use(await createRunnerNamespace("chart-stacks"));
  // The read-only role has one name in a cluster, and a stack does without it.
  await runners.install({ jobs: { stacks: false }, observer: { enabled: false } });
  kubeconfig = await accountKubeconfig(runners, "gpu-ci-runner");
});
afterAll(() => opened.disposeAsync());

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: "{{ .Image }}"
          command: [/bin/sh, -c, "mkdir /tmp/www; echo served > /tmp/www/x; exec httpd -f -p 8080 -h /tmp/www"]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;
const run = async () => {
  await writeFile(join(folder, "stack.yaml"), manifest);
  const command = "wget -qO- http://web/x; ls /keys";
  const volumes = "secret:studioml-runner-key-secret:/keys:ro";
  const stack = { manifests: "stack.yaml", "test-keys": "true", volumes, "working-directory": folder };
  return runGpuTest({ inputs: { image: runners.image, kubeconfig, gpus: "0", command, ...stack } });
};

describe("a stack under the runners' account", () => {
  it("is refused with the value that grants it, where the chart grants it not", async () => {
    await using result = await run();
    expect([result.exitCode, result.outputs.reason]).toEqual([3, "not-authorized"]);
    expect(result.outputs["reason-detail"]).toContain("The chart's value jobs.stacks grants it.");
  });

  it("is made, passes the chart's policies, and is removed, with jobs.stacks", async () => {
    await runners.install({ jobs: { stacks: true }, observer: { enabled: false } });
    await using result = await run();
    expect([result.outputs["reason-detail"], result.console]).toEqual([
      "The command ended with exit code 0.",
      "served\nssh-privatekey\nssh-publickey\n",
    ]);
    expect(result.host.lines.filter((line) => line.startsWith("warning:"))).toEqual([]);
  });
});

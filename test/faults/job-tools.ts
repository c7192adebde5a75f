import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { mergePatch } from "../../lib/kubernetes/merge-patch.ts";
import { commandFiles, defaultInputs } from "../support/bundle.ts";
import { root } from "../support/house.ts";
import { type JobRun, type Launch, launch } from "./job-run.ts";

/** The test that a tool is to run, whatever goes wrong. */
export interface JobOrder {
  /** An empty folder of its own. */
  readonly folder: string;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly runId: string;
  readonly image: string;
  readonly command: string;
  /** Further inputs of run-k8s-gpu-test; the peer's manifest says the same where it can. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

/** What runs a test in a cluster. */
export interface JobTool {
  readonly name: "gpu-ci" | "kubectl";
  readonly version: string;
  /** Writes what the tool reads, and says how it is started. */
  prepare(order: JobOrder): Promise<Launch>;
  /** What a runner does when the tool has ended, however it ended. */
  finish(order: JobOrder, state: JobRun["state"]): Promise<void>;
}

const postLimitMs = 60_000;
const action = join(root, "actions/run-k8s-gpu-test");

/** The action by its sources, and a script of `kubectl create`, `wait` and `logs`. Throws when there is no kubectl. */
export async function jobTools(): Promise<readonly JobTool[]> {
  const { stdout } = await exec("kubectl", ["version", "--client"]);
  return [
    { name: "gpu-ci", version: `node ${process.version}`, prepare: prepareAction, finish: runPost },
    {
      name: "kubectl",
      version: stdout.split("\n")[0]?.replace("Client Version: ", "") ?? "",
      prepare: prepareScript,
      finish: async () => {},
    },
  ];
}

async function prepareAction(order: JobOrder): Promise<Launch> {
  return { args: [process.execPath, join(action, "main.ts")], env: await actionEnv(order), folder: order.folder };
}

async function runPost(order: JobOrder, state: JobRun["state"]): Promise<void> {
  const states = Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]);
  // What was wrong with the main step's own environment is over.
  const env = { ...(await actionEnv({ ...order, env: {} })), ...Object.fromEntries(states) };
  await launch({ args: [process.execPath, join(action, "post.ts")], env, folder: order.folder }, postLimitMs).ended;
}

async function actionEnv({ folder, kubeconfig, namespace, runId, image, command, inputs, env }: JobOrder) {
  const given = { image, command, gpus: "0", kubeconfig, namespace, "working-directory": folder, ...inputs };
  const all = Object.entries({ ...(await defaultInputs(action)), ...given });
  return {
    PATH: process.env.PATH,
    HOME: folder,
    RUNNER_TEMP: folder,
    GITHUB_ACTIONS: "true",
    GITHUB_WORKSPACE: folder,
    GITHUB_RUN_ID: runId,
    ...(await commandFiles(folder)),
    ...Object.fromEntries(all.map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value])),
    ...env,
  };
}

async function prepareScript(order: JobOrder): Promise<Launch> {
  const { folder, kubeconfig, namespace, runId, env } = order;
  const manifest = join(folder, "job.json");
  const logFile = join(folder, "pod.log");
  await writeFile(manifest, JSON.stringify(manifestOf(order)));
  const file = kubeconfig.startsWith("/") ? kubeconfig : join(folder, "kubeconfig");
  if (file !== kubeconfig) await writeFile(file, kubeconfig);
  const kubectl = { KUBECONFIG: file, MANIFEST: manifest, JOB: jobName(runId), LOG: logFile };
  await exec("kubectl", ["config", "set-context", "--current", `--namespace=${namespace}`, `--kubeconfig=${file}`]);
  return {
    args: ["bash", join(import.meta.dirname, "kubectl-peer.sh")],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, KUBECACHEDIR: join(folder, "cache"), ...kubectl, ...env },
    folder,
    logFile,
  };
}

/** The name that a run's Job has with both tools. */
export function jobName(runId: string): string {
  return `gpu-ci-${runId}-1`;
}

function manifestOf({ runId, image, command, inputs }: JobOrder): object {
  const { gpus = "0", "gpu-resource": resource = "nvidia.com/gpu", memory, timeout, "pod-patch": patch } = inputs;
  const limits = { ...(gpus === "0" ? {} : { [resource]: gpus }), ...(memory ? { memory } : {}) };
  const env = pairs(inputs["secret-env"]).map(([name, value]) => ({ name, value }));
  const test = { name: "test", image, command: ["/bin/sh", "-c", command], env, resources: { limits } };
  const template = {
    metadata: {},
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 3,
      nodeSelector: Object.fromEntries(pairs(inputs["node-selector"])),
      containers: [test],
    },
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: jobName(runId) },
    spec: {
      backoffLimit: 0,
      ...(timeout ? { activeDeadlineSeconds: Number.parseInt(timeout, 10) } : {}),
      template: patch ? mergePatch(template, JSON.parse(patch)) : template,
    },
  };
}

function pairs(lines = ""): [string, string][] {
  const filled = lines.split("\n").filter(Boolean);
  return filled.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { findKubeconfigSource } from "../../lib/kubernetes/kubeconfig.ts";
import { type ApiProxy, type ApiProxyOptions, startApiProxy } from "../support/api-proxy.ts";
import type { JobFault } from "./job-fault.ts";
import { judgeJob, type Verdict } from "./job-judge.ts";
import { type JobRun, launch } from "./job-run.ts";
import { type JobScene, openScene } from "./job-scene.ts";
import type { JobTool } from "./job-tools.ts";
import { makeCertificate } from "./make-certificate.ts";

/** What one tool made of one fault. */
export interface Faced extends Verdict {
  readonly tool: JobTool["name"];
  readonly durationMs: number;
  readonly output: string;
}

const defaultLimitMs = 90_000;
const proxyCloseMs = 200;

/** Lets tools meet a fault, each in a scene of its own, all at once. */
export async function faceFault(fault: JobFault, tools: readonly JobTool[], image: string): Promise<readonly Faced[]> {
  if (fault.stopsPart) return await faceTogether(fault, tools, image);
  return (await Promise.all(tools.map((tool) => faceTogether(fault, [tool], image)))).flat();
}

async function faceTogether(fault: JobFault, tools: readonly JobTool[], image: string): Promise<Faced[]> {
  await using opened = new AsyncDisposableStack();
  const scenes: JobScene[] = [];
  for (const tool of tools) {
    const scene = opened.use(await openScene(tool.name, image));
    scenes.push(scene);
    await begin(fault, tool, scene);
  }
  const struck = (fault.strike?.(scenes) ?? Promise.resolve()).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  const runs = await Promise.all(scenes.map(async ({ process }) => process?.ended));
  // What a tool did not wait for was no fault to it.
  const missed = await Promise.race([struck, sleep(proxyCloseMs, "the tool ended before the fault")]);
  for (const [at, scene] of scenes.entries()) {
    const run = runs[at];
    if (!run || !scene.order) continue;
    await (fault.after ? fault.after(scene, run) : tools[at]?.finish(scene.order, run.state));
  }
  const judged = scenes.map((scene, at) => judgeScene(fault, scene, { run: runs[at], missed }));
  const faced = await Promise.all(judged);
  await struck;
  return faced;
}

async function begin(fault: JobFault, tool: JobTool, scene: JobScene): Promise<void> {
  await fault.before?.(scene);
  const wire = fault.wire?.(scene);
  const { folder } = scene;
  const opened = wire && (await openProxy(folder, wire));
  if (opened) scene.proxy = scene.undo.use(opened.proxy);
  scene.order = {
    folder: scene.folder,
    namespace: scene.namespace,
    runId: scene.runId,
    image: scene.image,
    kubeconfig: JSON.stringify(await kubeconfigOf(opened?.cluster, fault.user?.(scene))),
    command: fault.command,
    inputs: fault.inputs?.(scene) ?? {},
    env: fault.env ?? {},
  };
  scene.process = launch(await tool.prepare(scene.order), fault.limitMs ?? defaultLimitMs);
}

async function judgeScene(
  fault: JobFault,
  scene: JobScene,
  { run, missed }: { run: JobRun | undefined; missed: string | undefined },
): Promise<Faced> {
  if (!run) throw new Error(`${fault.id} was not run.`);
  const truth = typeof fault.truth === "function" ? fault.truth(scene) : fault.truth;
  const verdict = await judgeJob(run, truth, scene);
  const isIdle = fault.wire?.(scene).fault !== undefined && scene.proxy?.struck() === 0 && !fault.strike;
  const why = isIdle ? "the proxy let everything pass" : missed;
  // A tool that ends wrongly before the fault has failed all the same.
  const isUntouched = verdict.outcome === "survived" && why !== undefined;
  const shown = isUntouched ? { outcome: "not injected" as const, why } : verdict;
  return { ...shown, tool: scene.tool, durationMs: Math.round(run.durationMs), output: run.output };
}

interface Administrator {
  readonly server: string;
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly cluster: object;
  readonly user: object;
}

/** A proxy that is the administrator to the API server, whoever asks; and the cluster as a kubeconfig has it. */
export async function openProxy(
  folder: string,
  wire: Pick<ApiProxyOptions, "fault" | "rewriteUrl" | "onAnswer">,
): Promise<{ proxy: ApiProxy; cluster: object }> {
  const { server, tls } = await administrator();
  const certificate = await makeCertificate(folder);
  const proxy = await startApiProxy({ server, tls, certificate, ...wire });
  const authority = Buffer.from(certificate.cert).toString("base64");
  return { proxy, cluster: { server: proxy.url, "certificate-authority-data": authority } };
}

/** A kubeconfig for a proxy, or for the API server itself, with another user or the administrator. */
export async function kubeconfigOf(proxy: object | undefined, other: object | undefined): Promise<object> {
  const { cluster, user } = await administrator();
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "faults",
    contexts: [{ name: "faults", context: { cluster: "faults", user: "faults" } }],
    clusters: [{ name: "faults", cluster: proxy ?? cluster }],
    users: [{ name: "faults", user: other ?? user }],
  };
}

/** The cluster and its administrator by certificate, as KUBECONFIG names them. */
async function administrator(): Promise<Administrator> {
  const document = findKubeconfigSource({ env: process.env })?.read();
  const cluster: { server: string; [field: string]: string } = Object(document?.clusters[0]?.cluster);
  const user: Record<string, string> = Object(document?.users[0]?.user);
  const read = async (fields: Record<string, string>, name: string) =>
    Buffer.from(fields[`${name}-data`] ?? "", "base64").toString() || (await readFile(fields[name] ?? "", "utf8"));
  const tls = {
    ca: await read(cluster, "certificate-authority"),
    cert: await read(user, "client-certificate"),
    key: await read(user, "client-key"),
  };
  return { server: cluster.server, tls, cluster, user };
}

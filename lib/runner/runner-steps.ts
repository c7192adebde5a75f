import { randomInt } from "node:crypto";
import { describeError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { createObject, deleteObject, getObject, patchObject } from "../kubernetes/object.ts";
import { type ConfigMap, type Pod, pods, secrets } from "../kubernetes/resource.ts";
import type { DrainSwitch } from "./drain-switch.ts";
import type { RunnerStep } from "./plan-runners.ts";
import type { RunnerConfig, RunnerTemplate } from "./runner-config.ts";
import { type EventDeps, warnOn } from "./runner-event.ts";
import type { ForgeRunner, RunnerForge } from "./runner-forge.ts";
import { activityLabel, runnerPod, runnerSecret } from "./runner-pod.ts";

/** What performing steps needs. */
export interface StepContext extends EventDeps {
  readonly cluster: Cluster;
  readonly forge: RunnerForge;
  readonly config: RunnerConfig;
  readonly template: RunnerTemplate;
  /** What our runners are named at the forge, before the random part. */
  readonly prefix: string;
  readonly drain: DrainSwitch;
  readonly owner: ConfigMap | undefined;
  /** What each runner was registered with, by name, as far as we know. */
  readonly registrations: Map<string, string>;
}

/** Does one thing. Throws when the cluster or the forge refuses; the next look begins anew. */
export async function performStep(step: RunnerStep, context: StepContext): Promise<void> {
  if (step.kind === "create") return await createRunner(context);
  if (step.kind === "forget") return await forgetRunner(step.runner, context);
  if (step.kind === "mark") {
    const patch = { metadata: { labels: { [activityLabel]: step.activity } } };
    await unlessGone(patchObject(context.cluster, pods, nameOf(step.pod), { patch, signal: context.signal }));
    return;
  }
  if (step.kind === "retire") return await retireRunner(step, context);
  const name = nameOf(step.pod);
  const message = `Runner ${name} is removed: ${step.reason}.`;
  if (step.alarm) await warnOn(context.cluster, { object: step.pod, reason: "RunnerRemoved", message }, context);
  else context.log.info(message);
  await deletePod(step.pod, context);
}

/**
 * Remembers how each pod's runner is registered, and forgets the others: the Secret goes with its pod, and a job that is lost then can be
 * ended by its runner alone. Only a controller that was started anew has to ask.
 */
export async function learnRegistrations(names: ReadonlySet<string>, context: StepContext): Promise<void> {
  const { registrations, cluster, signal } = context;
  for (const name of registrations.keys()) if (!names.has(name)) registrations.delete(name);
  for (const name of names) {
    if (registrations.has(name)) continue;
    const secret = await getObject(cluster, secrets, name, { signal });
    registrations.set(name, Buffer.from(secret?.data?.registration ?? "", "base64").toString("utf8"));
  }
}

async function createRunner(context: StepContext): Promise<void> {
  const { cluster, forge, config, template, drain, owner, signal, log } = context;
  const name = `${context.prefix}${randomWord(6)}`;
  // Registered first: a pod without its Secret would wait, and a runner without a pod is forgotten at the next look.
  const registration = await forge.register(name, signal);
  context.registrations.set(name, registration.content);
  const pod = await createObject(cluster, pods, runnerPod({ config, template, name, drain, owner }), {
    deterministicName: true,
    signal,
  });
  try {
    await createObject(cluster, secrets, runnerSecret(config, registration, pod), { deterministicName: true, signal });
  } catch (error) {
    await deletePod(pod, context).catch((other: unknown) => log.debug(describeError(other)));
    throw error;
  }
  log.info(`Runner ${name} is made.`);
}

async function retireRunner(
  { pod, runner, reason }: Extract<RunnerStep, { kind: "retire" }>,
  context: StepContext,
): Promise<void> {
  const { forge, log, signal } = context;
  if (runner !== undefined && !(await forge.retire(runner, signal))) {
    log.info(`Runner ${nameOf(pod)} has a job: it ends after it (${reason}).`);
    return;
  }
  log.info(`Runner ${nameOf(pod)} is retired: ${reason}.`);
  await deletePod(pod, context);
}

async function forgetRunner(runner: ForgeRunner, context: StepContext): Promise<void> {
  const { forge, registrations, log, signal } = context;
  if (!(await forge.remove(runner, registrations.get(runner.name) || undefined, signal))) {
    log.debug(`The forge still holds ${runner.name} for its job.`);
    return;
  }
  registrations.delete(runner.name);
  log.info(`Runner ${runner.name} has no pod any more and is taken off the forge's list.`);
}

async function deletePod(pod: Pod, { cluster, signal }: StepContext): Promise<void> {
  const uid = pod.metadata?.uid;
  await deleteObject(cluster, pods, nameOf(pod), { ...(uid === undefined ? {} : { uid }), signal });
}

async function unlessGone<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

function nameOf(pod: Pod): string {
  return pod.metadata?.name ?? "";
}

function randomWord(length: number): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join("");
}

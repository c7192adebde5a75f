import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Engine } from "../../lib/engine/engine.ts";
import { stackEngine } from "../../lib/engine/stack-engine.ts";
import type { ContainerLog } from "../../lib/engine/stack-pods.ts";
import { createTestKeys } from "../../lib/engine/test-keys.ts";
import type { TestPod } from "../../lib/engine/test-pod.ts";
import { secretsOf } from "../../lib/engine/test-secrets.ts";
import type { Host } from "../../lib/host.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { maskText } from "../../lib/secret-mask.ts";
import type { Inputs } from "./inputs.ts";
import { readManifestValues } from "./manifest-values.ts";
import { readManifests, renderManifests } from "./manifests.ts";
import { createSharedConsole } from "./shared-console.ts";

type Deps = Pick<Host, "exec" | "env" | "signal" | "run" | "now" | "log" | "console" | "mask">;

/** The stack that the inputs ask for. */
export interface Stack {
  /** What no log may show. */
  readonly secrets: readonly string[];
  /** The engine that makes the stack before each test, in the cluster that the test runs in. */
  readonly around: (engine: Engine, cluster: Cluster) => Engine;
}

/**
 * Reads and renders the manifests, and makes the test keys; undefined when neither is asked for. Everything that is wrong with a manifest
 * by itself is an InputError here, before any network is asked.
 */
export async function prepareStack(inputs: Inputs, deps: Deps): Promise<Stack | undefined> {
  if (inputs.manifests.length === 0 && !inputs.testKeys) return undefined;
  const files = await readManifests(inputs.manifests, inputs.workingDirectory);
  const values = await readManifestValues(inputs, deps);
  const { env, secretEnv } = inputs;
  const render = (image: string, namespace: string) =>
    renderManifests(files, { image, namespace, env, secretEnv, values, now: deps.now() });
  render(inputs.image, inputs.namespace ?? "default");

  const keys = inputs.testKeys ? await createTestKeys() : { objects: [], secrets: [] };
  for (const secret of keys.secrets) deps.mask(secret);
  return {
    secrets: keys.secrets,
    around: (engine, cluster) =>
      stackEngine(engine, {
        ...deps,
        cluster,
        objects: async (pod) => [...keys.objects, ...render(pod.image, cluster.namespace)],
        show: (logs, pod) => showLogs(logs, pod, deps),
        keep: (logs, pod) => keepLogs(logs, pod, inputs.workingDirectory),
      }),
  };
}

/** Lines of a stack are data as those of the test are. */
async function showLogs(logs: readonly ContainerLog[], pod: TestPod, deps: Deps): Promise<void> {
  const shared = createSharedConsole(secretsOf(pod), deps);
  for (const { pod: name, container, text } of logs) {
    const shard = shared.shard(`[${name} ${container}] `);
    await shard.push(Buffer.from(text));
    await shard.end();
  }
  await shared.end();
}

async function keepLogs(logs: readonly ContainerLog[], pod: TestPod, workingDirectory: string): Promise<void> {
  const folder = join(resolve(workingDirectory, "gpu-ci-results"), pod.name, "stack");
  await mkdir(folder, { recursive: true });
  for (const { pod: name, container, text } of logs)
    await writeFile(join(folder, `${name}-${container}.log`), maskText(text, secretsOf(pod)));
}

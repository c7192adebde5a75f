import { Writable } from "node:stream";
import { sleep } from "../../lib/abort.ts";
import { DomainError } from "../../lib/error.ts";
import type { Exec } from "../../lib/exec.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { execInPod } from "../../lib/kubernetes/exec.ts";
import { getObject, listObjects } from "../../lib/kubernetes/object.ts";
import { type Pod, pods } from "../../lib/kubernetes/resource.ts";
import type { StorageHost } from "../../lib/oci/registry-storage.ts";

/** A collection reads every manifest and deletes file by file: minutes for a large registry. */
const commandMs = 30 * 60_000;
const restartMs = 120_000;

/** The registry's own pod. */
export interface RegistryPod extends StorageHost {
  /** Ends the registry's process; its container starts anew with the same files. Throws DomainError `registry-not-back`. */
  restart(): Promise<void>;
}

/** This machine, for a registry that runs here as a program. */
export function localStorageHost(exec: Exec, signal: AbortSignal): StorageHost {
  return {
    description: "this machine",
    run: ([program = "", ...args]) => exec(program, args, { ignoreExitCode: true, signal }),
  };
}

/** Finds the one ready pod of the selector. Throws DomainError `registry-pod-absent`. */
export async function openRegistryPod(
  cluster: Cluster,
  { namespace, selector }: { readonly namespace: string; readonly selector: string },
  signal: AbortSignal,
): Promise<RegistryPod> {
  const { items } = await listObjects(cluster, pods, { namespace, labelSelector: selector, signal });
  const ready = items.filter(isReady);
  const [pod] = ready;
  const name = pod?.metadata?.name;
  const container = pod?.spec?.containers.find((other) => other.name === "registry") ?? pod?.spec?.containers[0];
  if (ready.length !== 1 || name === undefined || container === undefined) {
    throw new DomainError(
      "registry-pod-absent",
      `Namespace ${namespace} has ${ready.length} ready pods of ${items.length} with ${selector}; the registry's must be the only one.`,
      { hint: "Name it by gc-pod as NAMESPACE/LABEL-SELECTOR." },
    );
  }
  const target = { namespace, pod: name, container: container.name, signal, timeoutMs: commandMs };
  return {
    description: `pod ${namespace}/${name}`,
    run: (command) => runInPod(cluster, { ...target, command }),
    restart: () => restartContainer(cluster, target),
  };
}

async function runInPod(cluster: Cluster, options: Omit<Parameters<typeof execInPod>[1], "stdout" | "stderr">) {
  const [stdout, stderr] = [collect(), collect()];
  const { exitCode } = await execInPod(cluster, { ...options, stdout: stdout.stream, stderr: stderr.stream });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

interface Target {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

async function restartContainer(cluster: Cluster, target: Target): Promise<void> {
  const { namespace, signal } = target;
  const restarts = async () => {
    const pod = await getObject(cluster, pods, target.pod, { namespace, signal });
    const status = pod?.status?.containerStatuses?.find(({ name }) => name === target.container);
    return { count: status?.restartCount ?? 0, ready: status?.ready === true };
  };
  const before = await restarts();
  // The connection may break with the process that it was made to.
  await runInPod(cluster, { ...target, command: ["kill", "-TERM", "1"], timeoutMs: 10_000 }).catch(() => undefined);
  for (let waitedMs = 0; waitedMs < restartMs; waitedMs += 500) {
    const now = await restarts();
    if (now.count > before.count && now.ready) return;
    await sleep(500, signal);
  }
  throw new DomainError(
    "registry-not-back",
    `The registry in pod ${namespace}/${target.pod} did not come back within ${restartMs / 1000} s after its restart.`,
    { hint: `kubectl -n ${namespace} describe pod ${target.pod} says why.` },
  );
}

function isReady({ status, metadata }: Pod): boolean {
  const isUp = status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True");
  return isUp === true && metadata?.deletionTimestamp === undefined;
}

function collect() {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}

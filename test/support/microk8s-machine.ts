import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fixturePath } from "./fixture-path.ts";
import { type KubernetesApi, startKubernetesApi } from "./kubernetes-api.ts";
import { type ClusterOptions, microk8sApi } from "./microk8s-api.ts";
import { createTestHost, type TestHost } from "./test-host.ts";

/** How a fake microk8s behaves. */
export interface MachineOptions extends ClusterOptions {
  readonly signal?: AbortSignal;
  /** Addons that are enabled from the beginning. */
  readonly enabled?: readonly string[];
}

/** A machine on which `snap` and `microk8s` are the misbehaving fakes of test/fixtures/bin, over a fake API server. */
export interface Microk8sMachine extends AsyncDisposable {
  readonly host: TestHost & { readonly hostRoot: string };
  readonly api: KubernetesApi;
  /** Another job on the same machine: its own state, log and files. */
  anotherJob(): TestHost & { readonly hostRoot: string };
  /** Puts a file into the fakes' world. */
  set(name: string, content: string): void;
  has(name: string): boolean;
  /** What the fakes were called with, in order; questions left out. */
  changes(): readonly string[];
  /** Puts a file of the machine at an absolute path; without a content, its folder alone. */
  put(path: string, content?: string): void;
  /** A file of the machine, undefined when there is none. */
  file(path: string): string | undefined;
}

/** Makes such a machine; `programs` names the fakes that it has. */
export async function startMachine(
  options: MachineOptions = {},
  programs: readonly string[] = ["snap", "microk8s", "sudo", "systemctl"],
): Promise<Microk8sMachine> {
  const environment: NodeJS.ProcessEnv = {};
  const signal = options.signal && { signal: options.signal };
  const first = createTestHost({ env: environment, ...signal });
  const folder = first.tempDirectory;
  const hostRoot = join(folder, "root");
  const actions = { GITHUB_ACTIONS: "true" };
  Object.assign(environment, actions, { PATH: fixturePath(folder, programs), HOME: folder, FAKE_MACHINE: folder });
  const api = await startKubernetesApi(microk8sApi(folder, options));
  writeFileSync(join(folder, "calls"), "");
  if (options.enabled) mkdirSync(join(folder, "enabled"));
  for (const addon of options.enabled ?? []) writeFileSync(join(folder, "enabled", addon), "");
  writeFileSync(join(folder, "client.config"), api.kubeconfig());
  const hosts: TestHost[] = [first];
  return {
    host: { ...first, hostRoot },
    api,
    anotherJob: () => {
      const host = createTestHost({ env: environment, ...signal });
      hosts.push(host);
      return { ...host, hostRoot };
    },
    set: (name, content) => writeFileSync(join(folder, name), content),
    has: (name) => existsSync(join(folder, name)),
    changes: () => changesOf(readFileSync(join(folder, "calls"), "utf8")),
    put: (path, content) => {
      const file = join(hostRoot, path);
      mkdirSync(content === undefined ? file : dirname(file), { recursive: true });
      if (content !== undefined) writeFileSync(file, content);
    },
    file: (path) => (existsSync(join(hostRoot, path)) ? readFileSync(join(hostRoot, path), "utf8") : undefined),
    [Symbol.asyncDispose]: () => dispose(api, hosts),
  };
}

async function dispose(api: KubernetesApi, hosts: readonly TestHost[]): Promise<void> {
  await api[Symbol.asyncDispose]();
  for (const host of hosts) await host[Symbol.asyncDispose]();
}

const questions = ["snap list", "microk8s config", "microk8s status", "microk8s ctr image ls"];

function changesOf(calls: string): readonly string[] {
  return calls
    .trim()
    .split("\n")
    .filter((call) => call !== "" && !questions.some((question) => call.startsWith(question)));
}

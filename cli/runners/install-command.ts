import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { deadline, sleep } from "../../lib/abort.ts";
import { formatDuration } from "../../lib/duration.ts";
import { DomainError, InputError } from "../../lib/error.ts";
import { exec, findProgram } from "../../lib/exec.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { findKubeconfigSource } from "../../lib/kubernetes/kubeconfig.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { applyObject, createObject } from "../../lib/kubernetes/object.ts";
import { namespaces, secrets } from "../../lib/kubernetes/resource.ts";
import { giteaRunners } from "../../lib/runner/gitea-runners.ts";
import { githubRunners } from "../../lib/runner/github-runners.ts";
import { readRunnerStatus } from "../../lib/runner/runner-status.ts";
import type { CommandContext } from "../command-context.ts";
import { listenForInterruption } from "../signals.ts";
import { createTempDirectory } from "../temp-directory.ts";
import { askSecret } from "./ask-secret.ts";
import { chartFailure } from "./chart-failure.ts";
import { chartValues, type Installation, installOptions, readInstallation, tokenSecret } from "./install-options.ts";
import { connectRunners, readOptions } from "./runners-options.ts";

const lookMs = 1000;

/** `gpu-ci runners install`: token and chart into the cluster, then waits until a runner is registered and says how to use it. */
export async function installCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const description =
    "Puts runners into the cluster by Helm. The token is asked for, or read from a file; it is never an argument.";
  const values = readOptions({ name: "install", description, options: installOptions }, argv, context);
  if (values === undefined) return 0;
  const installation = readInstallation(values);
  const helm = await findProgram(exec, "helm");
  if (helm === undefined) {
    throw new DomainError("helm-missing", "helm is not on PATH; it applies the chart.", {
      hint: "Install Helm 3 or 4: https://helm.sh/docs/intro/install/ (on microk8s: snap install helm --classic).",
    });
  }
  const token = await readToken(values.get("token-file"), context);
  using interruption = listenForInterruption((line) => context.stderr.write(`${line}\n`));
  const { signal } = interruption;
  const say = (line: string) => void context.stderr.write(`${line}\n`);
  await checkToken(installation, token, signal);
  say(`The token may list runners of ${installation.scope} at ${installation.forge}.`);
  const cluster = await connectRunners(values, context.env);
  await putToken(cluster, token, signal);
  say(`Secret ${tokenSecret} is in namespace ${cluster.namespace}.`);
  await applyChart({ helm, installation, cluster, values, signal }, context);
  say(
    `Release ${installation.release} is applied; waiting for a runner, at most ${formatDuration(installation.timeoutMs)}.`,
  );
  await waitForRunner(cluster, installation, signal, say);
  cluster.close();
  context.stdout.write(`runs-on: [${installation.labels.join(", ")}]\n`);
  return 0;
}

async function readToken(file: string | undefined, { stderr }: CommandContext): Promise<string> {
  if (file !== undefined) {
    const text = (await readFile(file, "utf8").catch(() => "")).trim();
    if (text === "") throw new InputError("token-file", file, "a readable file that holds the token");
    return text;
  }
  const token = await askSecret("Token of the forge that may administer runners: ", process.stdin, stderr);
  if (token) return token;
  throw new InputError("token-file", "", "a file, where there is no terminal to ask on");
}

/** A token that is wrong is found out before anything is created. */
async function checkToken(installation: Installation, token: string, signal: AbortSignal): Promise<void> {
  const { forge: url, scope, labels, kind } = installation;
  const place = { url, scope, labels, runnerUrl: url, token: async () => token };
  await (kind === "github" ? githubRunners(place) : giteaRunners(place)).list(signal);
}

async function putToken(cluster: Cluster, token: string, signal: AbortSignal): Promise<void> {
  const name = cluster.namespace;
  await createObject(cluster, namespaces, { metadata: { name } }, { signal }).catch((error: unknown) => {
    if (!isStatus(error, 409)) throw error;
  });
  const metadata = { name: tokenSecret, labels: { "app.kubernetes.io/managed-by": "gpu-ci" } };
  await applyObject(cluster, secrets, { metadata, type: "Opaque", stringData: { token } }, { force: true, signal });
}

interface Applying {
  readonly helm: string;
  readonly installation: Installation;
  readonly cluster: Cluster;
  readonly values: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

async function applyChart(applying: Applying, { env, root, stderr }: CommandContext): Promise<void> {
  const { helm, installation, cluster, values, signal } = applying;
  using temp = createTempDirectory();
  const [kubeconfig, chart] = [join(temp.path, "kubeconfig"), join(temp.path, "values.yaml")];
  // Helm knows fewer places than we do, for instance not microk8s' own.
  const source = findKubeconfigSource({ kubeconfig: values.get("kubeconfig"), env });
  await writeFile(kubeconfig, JSON.stringify(source?.read()), { mode: 0o600 });
  await writeFile(chart, stringify(chartValues(installation)));
  const files = [chart, ...installation.valueFiles].flatMap((file) => ["--values", file]);
  const args = ["upgrade", "--install", installation.release, join(root, "runner-deploy")];
  const place = ["--namespace", cluster.namespace, "--kubeconfig", kubeconfig];
  const context = values.get("context");
  const wait = ["--wait", "--timeout", `${Math.ceil(installation.timeoutMs / 1000)}s`];
  await exec(helm, [...args, ...place, ...(context ? ["--kube-context", context] : []), ...files, ...wait], {
    env,
    signal,
    onStderr: (line) => stderr.write(`  helm: ${line}\n`),
  }).catch(async (error: unknown) => {
    throw await chartFailure(error, cluster, installation.release);
  });
}

async function waitForRunner(
  cluster: Cluster,
  { release, timeoutMs, replicas }: Installation,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  if (replicas === 0) return say("No runner is wanted (--replicas 0).");
  using limit = deadline(`The first runner of release ${release}`, timeoutMs, signal);
  let before = "";
  for (;;) {
    const { runners } = await readRunnerStatus(cluster, {
      drainConfigMap: "gpu-ci-runners",
      now: new Date(),
      signal: limit.signal,
    });
    const own = runners.filter((runner) => runner.release === release);
    const ready = own.find(({ activity }) => activity === "idle" || activity === "busy");
    if (ready !== undefined) return say(`Runner ${ready.name} is registered.`);
    const line = own.map(({ name, detail }) => `${name}: ${detail ?? "starts"}`).join("\n") || "No runner pod yet.";
    if (line !== before) say(line);
    before = line;
    await sleep(lookMs, limit.signal);
  }
}

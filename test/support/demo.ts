import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { root } from "./house.ts";

/** A run of `npm run demo`. */
export interface DemoRun {
  /** Everything it printed so far. */
  readonly printed: () => string;
  /** Sends SIGINT to its whole process group, as Ctrl-C in a terminal does. */
  interrupt(): void;
  readonly ended: Promise<number | null>;
}

/** Starts `npm run demo -- ARGUMENT...` as a user does. */
export function startDemo(args: readonly string[], env: NodeJS.ProcessEnv): DemoRun {
  const child = spawn("npm", ["run", "--silent", "demo", "--", ...args], { cwd: root, env, detached: true });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return {
    printed: () => Buffer.concat(chunks).toString(),
    interrupt: () => process.kill(-(child.pid ?? 0), "SIGINT"),
    ended: new Promise((resolve) => child.once("close", resolve)),
  };
}

/** A kubeconfig like that of KUBECONFIG whose default namespace is another one. */
export async function kubeconfigIn(namespace: string): Promise<{ readonly path: string } & Disposable> {
  const folder = mkdtempSync(join(tmpdir(), "gpu-ci-kubeconfig-"));
  const path = join(folder, "config");
  const { stdout } = await exec("kubectl", ["config", "view", "--raw", "--flatten"]);
  writeFileSync(path, stdout, { mode: 0o600 });
  await exec("kubectl", ["--kubeconfig", path, "config", "set-context", "--current", "--namespace", namespace]);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** Every object in a namespace, and every one of the cluster that carries our label, Events left out. */
export async function everythingIn(namespace: string): Promise<readonly string[]> {
  const list = async (args: readonly string[]) => (await exec("kubectl", args)).stdout.split("\n").filter(Boolean);
  const kinds = async (namespaced: boolean) => {
    const found = await list(["api-resources", "--verbs=list", `--namespaced=${namespaced}`, "--output=name"]);
    return found.filter((kind) => !/^events(\.|$)/.test(kind)).join(",");
  };
  const names = ["--output=name", "--ignore-not-found"];
  return [
    ...(await list(["get", await kinds(true), `--namespace=${namespace}`, ...names])),
    ...(await list(["get", await kinds(false), "--selector=app.kubernetes.io/managed-by=gpu-ci", ...names])),
  ].sort();
}

import { styleText } from "node:util";
import { exec } from "../lib/exec.ts";
import { findKubeconfig } from "../lib/kubernetes/client.ts";
import type { CommandContext } from "./command-context.ts";
import { type CommandOption, parseOptions } from "./command-options.ts";
import { buildFindings } from "./doctor/build-findings.ts";
import { clusterFindings } from "./doctor/cluster-findings.ts";
import { engineFindings } from "./doctor/engine-findings.ts";
import type { Finding } from "./doctor/finding.ts";
import { gpuFindings } from "./doctor/gpu-findings.ts";
import { hostFindings } from "./doctor/host-findings.ts";
import { registryFinding } from "./doctor/registry-finding.ts";
import { helpText, optionRows } from "./help-text.ts";
import { UsageError } from "./usage-error.ts";

const plain = { default: undefined, required: false, boolean: false };

const options: readonly CommandOption[] = [
  {
    name: "kubeconfig",
    description: "Path of a kubeconfig; default is KUBECONFIG, or microk8s' client configuration.",
    ...plain,
  },
  { name: "context", description: "Context of the kubeconfig; default is its current one.", ...plain },
  {
    name: "registry",
    description: "Registry to look at as host[:port]; default is the cluster's, else localhost:32000.",
    ...plain,
  },
  { name: "json", description: "Print the findings on stdout as one JSON document.", ...plain, boolean: true },
  { name: "help", description: "Print this text.", ...plain, boolean: true },
];

const marks = { ok: ["green", "✓"], limited: ["yellow", "!"], missing: ["red", "✗"], absent: ["dim", "–"] } as const;

/** `gpu-ci doctor`: what this machine can do and what is missing, each line with its remedy. 0 when the pipeline can run here, else 1. */
export async function doctorCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseOptions(argv, options);
  if (values.get("help") === "true") {
    const description =
      "Says what this machine can do and what is missing, each line with its remedy. Changes nothing.";
    context.stdout.write(
      `${helpText("gpu-ci doctor [options]", description, [{ title: "Options", rows: optionRows(options) }])}\n`,
    );
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`doctor takes options only, not ${positionals.join(" ")}.`);
  const findings = await examine(values, context.env);
  const missing = findings.filter(({ state }) => state === "missing").length;
  context.stdout.write(
    values.get("json") === "true"
      ? `${JSON.stringify({ ready: missing === 0, findings }, undefined, 2)}\n`
      : formatFindings(findings),
  );
  return missing === 0 ? 0 : 1;
}

async function examine(values: ReadonlyMap<string, string>, env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const place = { kubeconfig: values.get("kubeconfig"), context: values.get("context"), env };
  const configured = findKubeconfig(place) !== undefined;
  const [host, build, engine, gpu, { findings: kubernetes, cluster }] = await Promise.all([
    hostFindings(exec),
    buildFindings(exec),
    engineFindings(exec, configured),
    gpuFindings(exec),
    clusterFindings(place),
  ]);
  const registry = await registryFinding(cluster, values.get("registry"), env);
  return [...host, ...build, ...engine, ...gpu, ...kubernetes, registry];
}

function formatFindings(findings: readonly Finding[]): string {
  const column = Math.max(...findings.map(({ topic }) => topic.length)) + 2;
  const lines = findings.flatMap(({ topic, state, found, remedy }) => {
    const [color, mark] = marks[state];
    const line = `${styleText(color, mark, { stream: process.stdout })} ${topic.padEnd(column)}${found}`;
    return remedy === undefined ? [line] : [line, `  ${" ".repeat(column)}→ ${remedy}`];
  });
  const missing = findings.filter(({ state }) => state === "missing").map(({ topic }) => topic);
  const verdict = missing.length === 0 ? "The pipeline can run here." : `Missing: ${missing.join(", ")}.`;
  return `${lines.join("\n")}\n\n${verdict}\n`;
}

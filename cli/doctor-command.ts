import { parseDuration } from "../lib/duration.ts";
import { exec } from "../lib/exec.ts";
import type { CommandContext } from "./command-context.ts";
import { type CommandOption, parseOptions } from "./command-options.ts";
import { execWithin } from "./doctor/examination.ts";
import { examine } from "./doctor/examine.ts";
import { fixFindings } from "./doctor/fix-findings.ts";
import { findingsDocument, formatFindings, isReady } from "./doctor/format-findings.ts";
import { helpText, optionRows } from "./help-text.ts";
import { listenForInterruption } from "./signals.ts";
import { UsageError } from "./usage-error.ts";

const plain = { default: undefined, required: false, boolean: false };

const options: readonly CommandOption[] = [
  {
    name: "kubeconfig",
    description: "Path of a kubeconfig; default is KUBECONFIG, or microk8s' client configuration.",
    ...plain,
  },
  { name: "context", description: "Context of the kubeconfig; default is its current one.", ...plain },
  { name: "namespace", description: "Namespace that tests run in; default is the context's, else default.", ...plain },
  {
    name: "all-namespaces",
    description: "Look for leftovers of ours in every namespace, not in that one only.",
    ...plain,
    boolean: true,
  },
  {
    name: "registry",
    description: "Registry to look at as host[:port]; default is the cluster's, else localhost:32000.",
    ...plain,
  },
  { name: "gpu-resource", description: "Resource that GPUs are counted by.", ...plain, default: "nvidia.com/gpu" },
  {
    name: "probe",
    description: "Also try whether a kubelet and a pod reach the registry, by a pod that lives for seconds.",
    ...plain,
    boolean: true,
  },
  {
    name: "probe-image",
    description: "Image of that pod as repository@digest; default is one that the registry has.",
    ...plain,
  },
  {
    name: "fix",
    description: "Remove what expired runs of ours left behind; nothing else is ever changed.",
    ...plain,
    boolean: true,
  },
  {
    name: "timeout",
    description: "How long one look at something may take; all of them happen at once.",
    ...plain,
    default: "2.5s",
  },
  { name: "json", description: "Print the findings on stdout as one JSON document.", ...plain, boolean: true },
  { name: "help", description: "Print this text.", ...plain, boolean: true },
];

/** `gpu-ci doctor`: what this machine and its cluster can do and what is missing, each line with its remedy. 0 when the pipeline can run here, else 1. */
export async function doctorCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseOptions(argv, options);
  if (values.get("help") === "true") {
    context.stdout.write(`${help()}\n`);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`doctor takes options only, not ${positionals.join(" ")}.`);
  using interruption = listenForInterruption((line) => context.stderr.write(`${line}\n`));
  const seen = await examineWith(values, context.env, interruption.signal);
  const findings = values.get("fix") === "true" ? await fixFindings(seen) : seen;
  context.stdout.write(
    values.get("json") === "true"
      ? `${JSON.stringify(findingsDocument(findings), undefined, 2)}\n`
      : formatFindings(findings, process.stdout),
  );
  return isReady(findings) ? 0 : 1;
}

async function examineWith(values: ReadonlyMap<string, string>, env: NodeJS.ProcessEnv, signal: AbortSignal) {
  const given = (name: string) => values.get(name) ?? options.find((option) => option.name === name)?.default;
  const lookMs = parseDuration(given("timeout") ?? "");
  if (lookMs === undefined || lookMs === 0) throw new UsageError("--timeout takes a duration such as 2.5s or 1m.");
  const examination = { exec: execWithin(exec, lookMs), env, now: () => new Date(), root: "/", lookMs };
  const findings = await examine(examination, {
    place: {
      kubeconfig: given("kubeconfig"),
      context: given("context"),
      namespace: given("namespace"),
      env,
    },
    registry: given("registry"),
    gpuResource: given("gpu-resource") ?? "",
    allNamespaces: given("all-namespaces") === "true",
    probe: given("probe") === "true" ? { image: given("probe-image"), signal } : undefined,
  });
  signal.throwIfAborted();
  return findings;
}

function help(): string {
  const description =
    "Says what this machine and its cluster can do and what is missing, each line with its remedy. Changes nothing but by --fix, and creates nothing but by --probe. Exit code 0: the pipeline can run here; 1: something is missing.";
  return helpText("gpu-ci doctor [options]", description, [{ title: "Options", rows: optionRows(options) }]);
}

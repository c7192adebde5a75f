import type { Manifest } from "./action-manifest.ts";
import type { CommandContext } from "./command-context.ts";
import type { CommandOption } from "./command-options.ts";
import { environmentName } from "./option-input.ts";
import type { PipelinePlace } from "./pipeline.ts";
import { UsageError } from "./usage-error.ts";

/** Options of `gpu-ci run` beside the inputs of gpu-ci.yml. */
export const runOptions: readonly CommandOption[] = [
  value("input", "NAME=VALUE for an expression ${{ inputs.NAME }} in the caller workflow; may be repeated."),
  value("secret-env", "Name of a variable of this environment that the test gets as a secret; may be repeated."),
  value("kubeconfig", "Path of a kubeconfig; default is KUBECONFIG, or microk8s' client configuration."),
  value("context", "Context of the kubeconfig; default is its current one."),
  value(
    "output",
    "Folder for summary.md, summary.html, report.json, state.json, test.log and the collected files.",
    ".gpu-ci",
  ),
  flag("json", "Print the outputs on stdout as one JSON document."),
  flag("verbose", "Print every line a stage has to say."),
  flag("help", "Print this text."),
];

/** The inputs of gpu-ci.yml that have a meaning in a terminal: all but the runner's labels. */
export function workflowOptions(manifest: Manifest): readonly CommandOption[] {
  return manifest.options.filter(({ name }) => name !== "runs-on");
}

/** Reads NAME=VALUE lines of `--input`. */
export function readGivenInputs(lines: string | undefined): ReadonlyMap<string, string> {
  const entries = (lines ?? "").split("\n").filter((line) => line !== "");
  return new Map(
    entries.map((line) => {
      const at = line.indexOf("=");
      if (at < 1) throw new UsageError(`--input needs NAME=VALUE, not ${line}.`);
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
}

/** Secrets come from the environment alone: a command line can be read by everybody on the machine. */
export function readSecrets(names: string | undefined, { env }: Pick<CommandContext, "env">): PipelinePlace["secrets"] {
  const fromEnvironment = (name: string) => env[environmentName(name)] ?? "";
  const named = (names ?? "").split("\n").filter((name) => name !== "");
  const lines = named.map((name) => {
    if (name.includes("=")) throw new UsageError("--secret-env takes the name of a variable, never its value.");
    const secret = env[name];
    if (secret === undefined) throw new UsageError(`--secret-env ${name}: this environment has no such variable.`);
    if (/[\r\n]/.test(secret)) throw new UsageError(`--secret-env ${name}: its value has more than one line.`);
    return `${name}=${secret}`;
  });
  return {
    "secret-env": [fromEnvironment("secret-env"), ...lines].filter((line) => line !== "").join("\n"),
    "registry-username": fromEnvironment("registry-username"),
    "registry-password": fromEnvironment("registry-password"),
  };
}

function value(name: string, description: string, fallback?: string): CommandOption {
  return { name, description, default: fallback, required: false, boolean: false };
}

function flag(name: string, description: string): CommandOption {
  return { name, description, default: undefined, required: false, boolean: true };
}

import type { CommandOption } from "./command-options.ts";

/** Options that say which cluster is meant. */
export const clusterOptions: readonly CommandOption[] = [
  plainOption("kubeconfig", "Path of a kubeconfig; default is KUBECONFIG, or microk8s' client configuration."),
  plainOption("context", "Context of the kubeconfig; default is its current one."),
];

/** An option with a value and no default. */
export function plainOption(name: string, description: string): CommandOption {
  return { name, description, default: undefined, required: false, boolean: false };
}

/** An option that is there or not. */
export function switchOption(name: string, description: string): CommandOption {
  return { ...plainOption(name, description), boolean: true };
}

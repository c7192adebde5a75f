import { resolve } from "node:path";
import { InputError } from "../../lib/error.ts";
import { choice, duration, flag, type GetInput, integer, list, requiredText, text } from "../../lib/input.ts";
import { readRegistryInputs } from "../../lib/oci/registry-inputs.ts";
import type { CommandOption } from "../command-options.ts";

/** Options of `gpu-ci registry prune`. */
export const pruneOptions: readonly CommandOption[] = [
  value("registry", "Registry to prune as host[:port]; auto asks the cluster, then tries localhost:32000.", "auto"),
  value("repository", "Glob of repositories, for instance acme/*; default is all. May be repeated."),
  value("keep-last", "Keep so many of the newest images of each repository; releases are counted on their own."),
  value("keep-days", "Keep images that are younger than so many days."),
  toggle("keep-branches", "Keep the tags of branches that exist in the git remote.", "false"),
  value("remote", "Name or URL of the git remote that keep-branches asks.", "origin"),
  value("protect", "Glob of tags that stay whatever their age. May be repeated."),
  toggle("protect-versions", "Keep tags X.Y.Z and vX.Y.Z.", "true"),
  toggle(
    "untagged",
    "Let images go that no tag names, by keep-days; needs gc, which reads the registry's files.",
    "false",
  ),
  toggle("check-pods", "Keep every image that a pod of the cluster uses, where one is configured.", "true"),
  value("gc", "Collect garbage afterwards: off, pod (in the registry's pod) or host (docker-registry here).", "off"),
  value("gc-pod", "The registry's pod as NAMESPACE/LABEL-SELECTOR.", "container-registry/app=registry"),
  value("gc-config", "The registry's configuration file, in its pod or here.", "/etc/docker/registry/config.yml"),
  value("quiet-for", "Collect garbage only when nobody wrote to the registry for so long; 0 does not look.", "10m"),
  toggle("dry-run", "Say what would be done and change nothing.", "false"),
  value("kubeconfig", "Path of a kubeconfig; default is KUBECONFIG, or microk8s' client configuration."),
  value("context", "Context of the kubeconfig; default is its current one."),
  toggle("tls-verify", "Check certificates and use plain HTTP for localhost only.", "true"),
  value("username", "User name for the registry; default is the docker configuration."),
  value("password", "Password for the registry; better given as GPU_CI_INPUT_PASSWORD."),
];

export type PruneInputs = ReturnType<typeof readPruneInputs>;

/** Reads the options; throws InputError for the first wrong one, before anything is contacted. */
export function readPruneInputs(get: GetInput) {
  const keepLast = text(get, "keep-last") === undefined ? undefined : integer(get, "keep-last", 0);
  const keepDays = text(get, "keep-days") === undefined ? undefined : integer(get, "keep-days", 0);
  if (keepLast === undefined && keepDays === undefined) {
    throw new InputError("keep-last", "", "a number here or in keep-days, because without both every image could go");
  }
  const gc = choice(get, "gc", ["off", "pod", "host"]);
  const untagged = flag(get, "untagged");
  if (untagged && (gc === "off" || keepDays === undefined)) {
    throw new InputError("untagged", "true", "true together with gc and keep-days, else false");
  }
  return {
    keepLast,
    keepDays,
    untagged,
    gc,
    repositories: list(get, "repository"),
    branchesOf: flag(get, "keep-branches") ? requiredText(get, "remote") : undefined,
    protect: list(get, "protect"),
    protectVersions: flag(get, "protect-versions"),
    checkPods: flag(get, "check-pods"),
    gcPod: readPod(requiredText(get, "gc-pod")),
    gcConfig: requiredText(get, "gc-config"),
    quietMinutes: get("quiet-for").trim() === "0" ? 0 : Math.ceil(duration(get, "quiet-for") / 60_000),
    dryRun: flag(get, "dry-run"),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    directory: resolve("."),
    ...readRegistryInputs(get),
  };
}

function readPod(name: string): { readonly namespace: string; readonly selector: string } {
  const [, namespace, selector] = /^([a-z0-9-]+)\/([^/].*=.+)$/.exec(name) ?? [];
  if (namespace === undefined || selector === undefined) {
    throw new InputError("gc-pod", name, "NAMESPACE/LABEL-SELECTOR such as container-registry/app=registry");
  }
  return { namespace, selector };
}

function value(name: string, description: string, fallback?: string): CommandOption {
  return { name, description, default: fallback, required: false, boolean: false };
}

function toggle(name: string, description: string, fallback: string): CommandOption {
  return { name, description, default: fallback, required: false, boolean: true };
}

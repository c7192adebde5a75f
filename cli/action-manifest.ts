import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import type { CommandOption } from "./command-options.ts";

/** What a terminal needs of an action.yml, or of a reusable workflow: it is the source of names, defaults and words. */
export interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CommandOption[];
  /** Output names with their descriptions. */
  readonly outputs: Readonly<Record<string, string>>;
}

interface Declaration {
  readonly description?: string;
  readonly default?: string | number | boolean;
  readonly required?: boolean;
}

interface ActionYaml {
  readonly description?: string;
  readonly inputs?: Readonly<Record<string, Declaration>>;
  readonly outputs?: Readonly<Record<string, Declaration>>;
}

/** The folder of the installation that this file belongs to. */
export function installationRoot(): string {
  return join(import.meta.dirname, "..");
}

/** Names of the actions of this installation, in alphabetical order. */
export async function listActions(root: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, "actions"), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Reads `actions/<name>/action.yml`. */
export async function readActionManifest(root: string, name: string): Promise<Manifest> {
  const yaml = parse(await readFile(join(root, "actions", name, "action.yml"), "utf8")) as ActionYaml;
  return toManifest(name, yaml);
}

/** Reads the inputs and outputs of a reusable workflow from its `on.workflow_call`. */
export async function readWorkflowManifest(root: string, file: string): Promise<Manifest> {
  const yaml = parse(await readFile(join(root, file), "utf8")) as {
    name?: string;
    on?: { workflow_call?: ActionYaml };
  };
  return toManifest(yaml.name ?? file, yaml.on?.workflow_call ?? {});
}

function toManifest(name: string, yaml: ActionYaml): Manifest {
  const options = Object.entries(yaml.inputs ?? {}).map(([input, declaration]) => toOption(input, declaration));
  const outputs = Object.entries(yaml.outputs ?? {}).map(([output, { description }]) => [output, oneLine(description)]);
  return { name, description: oneLine(yaml.description), options, outputs: Object.fromEntries(outputs) };
}

function toOption(name: string, { description, default: value, required }: Declaration): CommandOption {
  const text = value === undefined ? undefined : String(value);
  return {
    name,
    description: oneLine(description),
    default: text,
    required: required === true && text === undefined,
    boolean: text === "true" || text === "false",
  };
}

function oneLine(text = ""): string {
  return text.trim().replace(/\s+/g, " ");
}

import { resolve } from "node:path";
import { InputError } from "../lib/error.ts";
import type { Manifest } from "./action-manifest.ts";
import { findCallerWorkflow, readCallerWorkflow } from "./caller-workflow.ts";
import { nearestWord } from "./nearest-word.ts";
import { environmentName } from "./option-input.ts";

/** Every input of workflows/gpu-ci.yml with its value for this run. */
export interface PipelineConfig {
  /** Value of an input by its name. */
  readonly get: (name: string) => string;
  /** The caller workflow that was read, relative to the current folder; undefined when options alone configure the run. */
  readonly file: string | undefined;
}

/** What was typed. */
export interface ConfigSources {
  /** The reusable workflow: names and defaults. */
  readonly manifest: Manifest;
  /** A caller workflow; default is the project's only one. */
  readonly file: string | undefined;
  /** Options, by the names of the workflow's inputs. */
  readonly options: ReadonlyMap<string, string>;
  /** Values for `${{ inputs.x }}` in the caller. */
  readonly inputs: ReadonlyMap<string, string>;
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Puts the configuration of a run together: what was typed wins over the caller's `with:` block, that over the defaults of gpu-ci.yml.
 * Throws InputError for an unknown input, with the nearest known one, and for a required one that is missing.
 */
export async function readPipelineConfig(sources: ConfigSources): Promise<PipelineConfig> {
  const { manifest, options, inputs, directory, env } = sources;
  const file = sources.file ?? (await findCallerWorkflow(directory));
  const caller = file === undefined ? undefined : await readCallerWorkflow(resolve(directory, file), inputs);
  checkNames(caller?.with ?? new Map(), manifest);
  const project = projectOf(file);
  const values = new Map<string, string>();
  for (const option of manifest.options) {
    const called = caller?.with.get(option.name);
    const value = options.get(option.name) ?? env[environmentName(option.name)] ?? called ?? option.default ?? "";
    if (option.required && value.trim() === "") throw missing(option.name, file);
    values.set(option.name, value);
  }
  // A workspace is the folder that holds the caller's .github; the working directory is relative to it.
  values.set("working-directory", resolve(directory, project, values.get("working-directory") || "."));
  return { get: (name) => values.get(name) ?? "", file };
}

function checkNames(given: ReadonlyMap<string, string>, manifest: Manifest): void {
  const known = manifest.options.map(({ name }) => name);
  for (const [name, value] of given) {
    if (known.includes(name)) continue;
    const near = nearestWord(name, known);
    throw new InputError(`with.${name}`, value, `the inputs of gpu-ci.yml${near ? `, such as ${near}` : ""}`);
  }
}

function missing(name: string, file: string | undefined): InputError {
  const where =
    file === undefined ? "No workflow under .github/workflows uses gpu-ci.yml here" : `${file} does not set it`;
  return new InputError(name, "", "a value, this input is required", `${where}; give it by --${name} VALUE.`);
}

function projectOf(file: string | undefined): string {
  const match = /^(.*?)\/?\.github\/workflows\/[^/]+$/.exec(file ?? "");
  return match?.[1] || (file?.startsWith("/") && match ? "/" : ".");
}

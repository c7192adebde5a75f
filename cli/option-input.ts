import type { GetInput } from "../lib/input.ts";
import type { Manifest } from "./action-manifest.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Gives a story its inputs: what was typed, else the environment's GPU_CI_INPUT_<NAME> (for secrets, which do not belong on a command
 * line), else the default of action.yml. Throws UsageError for a required input that nobody gave.
 */
export function optionInput(manifest: Manifest, given: ReadonlyMap<string, string>, env: NodeJS.ProcessEnv): GetInput {
  const values = new Map(
    manifest.options.map((option) => {
      const value = given.get(option.name) ?? env[environmentName(option.name)] ?? fallback(option.default, env);
      if (option.required && value === "") {
        throw new UsageError(`${manifest.name} needs --${option.name}: ${option.description}`);
      }
      return [option.name, value] as const;
    }),
  );
  return (name) => values.get(name) ?? "";
}

/** The environment variable that stands for an option. */
export function environmentName(option: string): string {
  return `GPU_CI_INPUT_${option.toUpperCase().replaceAll("-", "_")}`;
}

/** A default is text, or an expression of the runner: of those only the token has a meaning in a terminal. */
function fallback(value: string | undefined, env: NodeJS.ProcessEnv): string {
  if (value === undefined) return "";
  if (!value.includes("${{")) return value;
  return value.includes("github.token") ? env.GITHUB_TOKEN || env.GH_TOKEN || "" : "";
}

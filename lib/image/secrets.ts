import { InputError } from "../error.ts";
import type { BuildSecret } from "./builder.ts";

export interface SecretInputs {
  /** Value of each secret by its id. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Name of the environment variable of each secret by its id. */
  readonly secretEnvs: Readonly<Record<string, string>>;
}

export interface BuildSecrets {
  readonly secrets: readonly BuildSecret[];
  /** What the builder's environment has to hold besides. */
  readonly env: Readonly<Record<string, string>>;
  readonly values: readonly string[];
}

/** Puts the values of secrets where a builder reads them and hides them in the log. Throws InputError for a variable that is not set. */
export function readSecrets(
  inputs: SecretInputs,
  host: { readonly env: NodeJS.ProcessEnv; readonly mask: (secret: string) => void },
): BuildSecrets {
  const given = Object.entries(inputs.secrets).map(([id, value], index) => ({
    id,
    value,
    variable: `GPU_CI_SECRET_${index}`,
  }));
  const named = Object.entries(inputs.secretEnvs).map(([id, variable]) => {
    const value = host.env[variable];
    if (value === undefined) {
      throw new InputError("secret-envs", `${id}=${variable}`, "names of environment variables that are set");
    }
    return { id, value, variable };
  });
  const all = [...given, ...named].filter(({ value }) => value !== "");
  for (const { value } of all) host.mask(value);
  return {
    secrets: [...given, ...named].map(({ id, variable }) => ({ id, variable })),
    env: Object.fromEntries(given.map(({ variable, value }) => [variable, value])),
    values: all.map(({ value }) => value),
  };
}

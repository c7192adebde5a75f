import * as v from "valibot";
import type { Log } from "../log.ts";

const configSchema = v.looseObject({ "insecure-registries": v.optional(v.array(v.string())) });

/** Docker's daemon.json with further insecure registries, all other keys kept; undefined, with a warning, where the present text is none. */
export function withInsecureRegistries(
  log: Log,
  path: string,
  present: string | undefined,
  names: readonly string[],
): string | undefined {
  const config = parse(present);
  if (!config) {
    log.warning(
      `${path} is not the JSON that docker reads: it is left as it is, and docker does not trust ${names.join(", ")}.`,
    );
    return undefined;
  }
  const known = config["insecure-registries"] ?? [];
  const missing = names.filter((name) => !known.includes(name));
  if (missing.length === 0) return present;
  const indent = /\n([ \t]+)"/.exec(present ?? "")?.[1] ?? "  ";
  return `${JSON.stringify({ ...config, "insecure-registries": [...known, ...missing] }, undefined, indent)}\n`;
}

function parse(present: string | undefined): v.InferOutput<typeof configSchema> | undefined {
  try {
    // An empty file is what some tools leave; docker takes it for no configuration.
    const config: unknown = JSON.parse(present?.trim() || "{}");
    // As it was read: a parsed copy would have its keys in another order.
    return v.is(configSchema, config) && !Array.isArray(config) ? config : undefined;
  } catch {
    return undefined;
  }
}

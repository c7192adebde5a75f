/** Values an output may have; an undefined one is written as an empty string, which means unset. */
export type OutputValue = string | number | boolean | readonly string[] | undefined;

/** Writes one output by its kebab-case name. */
export type SetOutput = (name: string, value: string) => void;

/** Formats an output: lists are newline separated, everything else is its plain text. */
export function formatOutput(value: OutputValue): string {
  if (value === undefined) return "";
  return typeof value === "object" ? value.join("\n") : String(value);
}

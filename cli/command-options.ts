import { nearestWord } from "./nearest-word.ts";
import { UsageError } from "./usage-error.ts";

/** One option of a command: `--name VALUE`, or `--name` alone where the value is true or false. */
export interface CommandOption {
  readonly name: string;
  readonly description: string;
  /** Shown in the help; undefined when there is none. */
  readonly default: string | undefined;
  readonly required: boolean;
  readonly boolean: boolean;
}

/** What was typed: one text for each option, repeated ones joined by newlines, and what was no option. */
export interface ParsedOptions {
  readonly values: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
}

/**
 * Reads `--name VALUE`, `--name=VALUE`, `--switch`, `--no-switch` and `--switch false`; `--` ends the options. Throws UsageError for an
 * unknown option, with the nearest known one, and for a missing value.
 */
export function parseOptions(argv: readonly string[], options: readonly CommandOption[]): ParsedOptions {
  const values = new Map<string, string>();
  const positionals: string[] = [];
  const rest = [...argv];
  while (rest.length > 0) {
    const word = rest.shift() ?? "";
    if (word === "--") return { values, positionals: [...positionals, ...rest] };
    if (!word.startsWith("-") || word === "-") {
      positionals.push(word);
      continue;
    }
    const { option, value } = readOption(word, rest, options);
    const before = values.get(option.name);
    values.set(option.name, before === undefined || option.boolean ? value : `${before}\n${value}`);
  }
  return { values, positionals };
}

function readOption(word: string, rest: string[], options: readonly CommandOption[]) {
  const at = word.indexOf("=");
  const typed = at < 0 ? word : word.slice(0, at);
  const attached = at < 0 ? undefined : word.slice(at + 1);
  const negated = options.find(({ name, boolean }) => boolean && typed === `--no-${name}`);
  if (negated && attached === undefined) return { option: negated, value: "false" };
  const option = options.find(({ name }) => typed === `--${name}`);
  if (!option) throw unknownOption(typed, options);
  if (attached !== undefined) return { option, value: attached };
  if (option.boolean) return { option, value: /^(true|false)$/.test(rest[0] ?? "") ? (rest.shift() ?? "") : "true" };
  const value = rest.shift();
  if (value === undefined) throw new UsageError(`--${option.name} needs a value.`);
  return { option, value };
}

function unknownOption(typed: string, options: readonly CommandOption[]): UsageError {
  const near = nearestWord(
    typed,
    options.map(({ name }) => `--${name}`),
  );
  return new UsageError(`There is no option ${typed}.${near ? ` Did you mean ${near}?` : ""}`);
}

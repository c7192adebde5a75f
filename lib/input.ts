import { parseDuration } from "./duration.ts";
import { InputError } from "./error.ts";
import { parseSize } from "./size.ts";

/** Gives the raw text of an input by its kebab-case name; an empty string means unset. */
export type GetInput = (name: string) => string;

/** The trimmed text, or undefined when unset. */
export function text(get: GetInput, name: string): string | undefined {
  return get(name).trim() || undefined;
}

/** The trimmed text; throws InputError when unset. */
export function requiredText(get: GetInput, name: string): string {
  const value = text(get, name);
  if (value === undefined) throw new InputError(name, "", "a value, this input is required");
  return value;
}

/** One of the listed words; throws InputError that lists them. */
export function choice<const T extends string>(get: GetInput, name: string, allowed: readonly T[]): T {
  const value = get(name).trim();
  const found = allowed.find((word) => word === value);
  if (found === undefined) throw new InputError(name, value, allowed.join(", "));
  return found;
}

/** `true` or `false` in the spellings of YAML 1.2's core schema. */
export function flag(get: GetInput, name: string): boolean {
  const value = get(name).trim();
  if (["true", "True", "TRUE"].includes(value)) return true;
  if (["false", "False", "FALSE"].includes(value)) return false;
  throw new InputError(name, value, "true, false");
}

/** A whole number within the bounds. */
export function integer(get: GetInput, name: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = get(name).trim();
  const parsed = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(parsed >= min && parsed <= max)) {
    throw new InputError(
      name,
      value,
      max === Number.MAX_SAFE_INTEGER ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`,
    );
  }
  return parsed;
}

/** A duration (`90s`, `10m`, `1h30m`, or seconds) in milliseconds; must be positive. */
export function duration(get: GetInput, name: string): number {
  const value = get(name).trim();
  const parsed = parseDuration(value);
  if (parsed === undefined || parsed <= 0)
    throw new InputError(name, value, "a duration such as 90s, 10m, 1h30m or a number of seconds");
  return parsed;
}

/** A size (`20Gi`, `500M`, bytes) in bytes, or undefined when unset. */
export function size(get: GetInput, name: string): number | undefined {
  const value = text(get, name);
  if (value === undefined) return undefined;
  const parsed = parseSize(value);
  if (parsed === undefined) throw new InputError(name, value, "a size such as 20Gi, 500M or a number of bytes");
  return parsed;
}

/** Newline separated entries; blank lines and lines that begin with `#` are dropped. */
export function list(get: GetInput, name: string): readonly string[] {
  return get(name)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** `KEY=VALUE` a line; the value may hold further `=` and is taken as it stands. */
export function map(get: GetInput, name: string, keyPattern = anyKey): Readonly<Record<string, string>> {
  return readMap(get, { name, keyPattern, isSecret: false });
}

/** As `map`, for values that are secrets: the error for a wrong line counts the lines and shows nothing of it. */
export function secretMap(get: GetInput, name: string, keyPattern = anyKey): Readonly<Record<string, string>> {
  return readMap(get, { name, keyPattern, isSecret: true });
}

const anyKey = /^[^\s=]+$/;

function readMap(
  get: GetInput,
  { name, keyPattern, isSecret }: { readonly name: string; readonly keyPattern: RegExp; readonly isSecret: boolean },
): Readonly<Record<string, string>> {
  const entries = get(name)
    .split(/\r?\n/)
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== "" && !line.trim().startsWith("#"))
    .map(({ line, number }): [string, string] => {
      const at = line.indexOf("=");
      const key = line.slice(0, at).trim();
      if (at >= 1 && keyPattern.test(key)) return [key, line.slice(at + 1)];
      const shown = isSecret ? `line ${number}, not shown` : at < 1 ? line : key;
      throw new InputError(name, shown, "lines of KEY=VALUE");
    });
  return Object.fromEntries(entries);
}

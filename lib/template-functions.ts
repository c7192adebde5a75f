import { randomUUID } from "node:crypto";

/** A name that a template used and that nothing was given for; only `default` and `empty` take one. */
export class Undefined {
  readonly name: string;
  readonly allowed: readonly string[];

  constructor(name: string, allowed: readonly string[]) {
    this.name = name;
    this.allowed = allowed;
  }
}

/** What the functions of a template may know of the world. */
export interface FunctionContext {
  readonly env: Readonly<Record<string, string>>;
  readonly now: Date;
}

/** A function of a template; throws Error with what it takes when its arguments are others. */
export type TemplateFunction = (args: readonly unknown[], context: FunctionContext) => unknown;

/** The functions that take an undefined value: the way to give it another one, or to ask for it. */
export const takesUndefined: readonly string[] = ["default", "empty"];

/**
 * What real templates use of sprig (https://masterminds.github.io/sprig), with an environment of the caller's choice, and Go's own
 * comparisons. Nothing here reads a file, a network or the environment of this process.
 */
export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  default: ([fallback, value]) => (isTrue(value) ? value : fallback),
  empty: ([value]) => !isTrue(value),
  ternary: ([yes, no, condition]) => (isTrue(condition) ? yes : no),
  replace: (args) => {
    const [from = "", to = "", text = ""] = texts(args, 3);
    return text.replaceAll(from, () => to);
  },
  b64enc: (args) => Buffer.from(texts(args, 1)[0] ?? "").toString("base64"),
  env: (args, { env }) => variableOf(texts(args, 1)[0] ?? "", env),
  expandenv: (args, { env }) => expand(texts(args, 1)[0] ?? "", env),
  now: (_args, { now }) => now.toISOString(),
  uuidv4: () => randomUUID(),
  not: ([value]) => !isTrue(value),
  and: (args) => args.find((value) => !isTrue(value)) ?? args.at(-1),
  or: (args) => args.find(isTrue) ?? args.at(-1),
  eq: ([first, ...others]) => others.includes(first),
  ne: ([first, second]) => first !== second,
  len: ([value]) => lengthOf(value),
  index: ([value, ...keys]) => keys.reduce(itemOf, value),
  print: (args) => args.map(formatValue).join(""),
  printf: ([format, ...args]) => printf(String(format), args),
};

/** Go's truth: false, 0, "", nil, an empty list and an empty map are not. */
export function isTrue(value: unknown): boolean {
  if (value instanceof Undefined || value === null || value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object") return Object.keys(value).length > 0;
  return Boolean(value);
}

/** The text of a value in a document; throws for what has none, where Go would write `<no value>` or `map[…]`. */
export function formatValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Error("a text, a number, true or false");
}

function texts(args: readonly unknown[], count: number): string[] {
  if (args.length !== count) throw new Error(`${count} arguments`);
  return args.map(formatValue);
}

function variableOf(name: string, env: FunctionContext["env"]): string | Undefined {
  return env[name] ?? new Undefined(name, Object.keys(env));
}

function expand(text: string, env: FunctionContext["env"]): string | Undefined {
  let missing: Undefined | undefined;
  const expanded = text.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_whole, braced?: string, bare?: string) => {
    const value = variableOf(braced ?? bare ?? "", env);
    if (typeof value === "string") return value;
    missing ??= value;
    return "";
  });
  return missing ?? expanded;
}

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new Error("a text, a list or a map");
}

function itemOf(value: unknown, key: unknown): unknown {
  const items = Object(value) as Readonly<Record<string, unknown>>;
  return Object.hasOwn(items, String(key)) ? items[String(key)] : new Undefined(String(key), Object.keys(items));
}

function printf(format: string, args: readonly unknown[]): string {
  let at = 0;
  const text = format.replaceAll(/%(.)/g, (_whole, verb: string) => {
    if (verb === "%") return "%";
    if (!"sdvqt".includes(verb) || at >= args.length) throw new Error("a value for each of %s, %d, %v, %t and %q");
    const value = formatValue(args[at++]);
    return verb === "q" ? JSON.stringify(value) : value;
  });
  if (at < args.length) throw new Error("a value for each of %s, %d, %v, %t and %q");
  return text;
}

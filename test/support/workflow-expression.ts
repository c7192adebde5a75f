type Value = string | number | boolean | null;

/** The contexts an expression may look at: `github`, `inputs` and so on. */
export type Contexts = Readonly<Record<string, unknown>>;

const token = /\s*(?:('(?:[^']|'')*')|(\d+)|([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)|(\|\||&&|==|!=|[!(),]))/y;

/**
 * Evaluates the part of GitHub's expression language that an `if:` or `cancel-in-progress:` of ours uses: literals, property paths, `!`, `==`, `!=`,
 * `&&`, `||`, parentheses and startsWith, with GitHub's rules: a missing property is null, text is compared without regard to case.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
 */
export function evaluateExpression(source: string, contexts: Contexts): Value {
  const tokens = tokenize(source.replace(/^\s*\$\{\{(.*)\}\}\s*$/s, "$1"));
  const value = either(tokens, contexts);
  if (tokens.length > 0) throw new Error(`Unexpected ${tokens[0]} in ${source}`);
  return value;
}

function tokenize(source: string): string[] {
  const tokens: string[] = [];
  for (token.lastIndex = 0; token.lastIndex < source.trimEnd().length; ) {
    const at = token.lastIndex;
    const match = token.exec(source);
    if (!match) throw new Error(`Cannot read ${source.slice(at)}`);
    tokens.push(match[0].trim());
  }
  return tokens;
}

function either(tokens: string[], contexts: Contexts): Value {
  let left = both(tokens, contexts);
  while (accept(tokens, "||")) {
    const right = both(tokens, contexts);
    left = isTrue(left) ? left : right;
  }
  return left;
}

function both(tokens: string[], contexts: Contexts): Value {
  let left = equality(tokens, contexts);
  while (accept(tokens, "&&")) {
    const right = equality(tokens, contexts);
    left = isTrue(left) ? right : left;
  }
  return left;
}

function equality(tokens: string[], contexts: Contexts): Value {
  const left = unary(tokens, contexts);
  if (accept(tokens, "==")) return isEqual(left, unary(tokens, contexts));
  if (accept(tokens, "!=")) return !isEqual(left, unary(tokens, contexts));
  return left;
}

function unary(tokens: string[], contexts: Contexts): Value {
  if (accept(tokens, "!")) return !isTrue(unary(tokens, contexts));
  if (accept(tokens, "(")) return closed(tokens, either(tokens, contexts));
  const word = tokens.shift() ?? "";
  if (word.startsWith("'")) return word.slice(1, -1).replaceAll("''", "'");
  if (/^\d/.test(word)) return Number(word);
  if (word === "true" || word === "false") return word === "true";
  if (word === "startsWith" && accept(tokens, "(")) {
    const text = String(either(tokens, contexts) ?? "").toLowerCase();
    if (!accept(tokens, ",")) throw new Error("startsWith takes two arguments");
    return closed(tokens, text.startsWith(String(either(tokens, contexts)).toLowerCase()));
  }
  return property(word, contexts);
}

function closed(tokens: string[], value: Value): Value {
  if (!accept(tokens, ")")) throw new Error("A parenthesis is not closed");
  return value;
}

function accept(tokens: string[], wanted: string): boolean {
  if (tokens[0] !== wanted) return false;
  tokens.shift();
  return true;
}

function property(path: string, contexts: Contexts): Value {
  const [name = "", ...rest] = path.split(".");
  if (!(name in contexts)) throw new Error(`Unknown name ${path}`);
  const value = rest.reduce<unknown>((object, key) => (object as Contexts | null | undefined)?.[key], contexts[name]);
  return value === undefined || typeof value === "object" ? null : (value as Value);
}

function isTrue(value: Value): boolean {
  return value !== null && value !== false && value !== 0 && value !== "";
}

function isEqual(left: Value, right: Value): boolean {
  if (typeof left === "string" && typeof right === "string") return left.toLowerCase() === right.toLowerCase();
  // Unlike kinds are compared as numbers; null is 0, and so is an empty text.
  return typeof left === typeof right ? left === right : Number(left) === Number(right);
}

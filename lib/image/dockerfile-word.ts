/** Variables in scope at one instruction: undefined stands for declared without a value. */
export type Variables = ReadonlyMap<string, string | undefined>;

/**
 * Takes the quotes off a word of a Dockerfile and puts variables in: `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:+d}`, `${V+d}`; nothing is
 * replaced within single quotes, and an unset variable is an empty string, as builders have it
 * (https://docs.docker.com/reference/dockerfile/#environment-replacement).
 */
export function expandWord(raw: string, variables: Variables, escapeCharacter = "\\"): string {
  let result = "";
  let quote: string | undefined;
  for (let at = 0; at < raw.length; ) {
    const character = raw.charAt(at);
    if (quote !== "'" && character === escapeCharacter) {
      const next = raw.charAt(at + 1);
      const literal = quote === undefined || next === '"' || next === "$" || next === escapeCharacter;
      result += literal ? next : character + next;
      at += 2;
    } else if (quote !== "'" && character === "$") {
      const found = readVariable(raw, at, variables, escapeCharacter);
      result += found.text;
      at = found.end;
    } else {
      const opens = quote === undefined && (character === '"' || character === "'");
      const closes = quote === character;
      if (opens) quote = character;
      else if (closes) quote = undefined;
      else result += character;
      at += 1;
    }
  }
  return result;
}

function readVariable(
  raw: string,
  start: number,
  variables: Variables,
  escapeCharacter: string,
): { text: string; end: number } {
  const plain = /^\$([A-Za-z_][A-Za-z0-9_]*)/.exec(raw.slice(start));
  if (plain) return { text: variables.get(plain[1] ?? "") ?? "", end: start + plain[0].length };
  if (raw.charAt(start + 1) !== "{") return { text: "$", end: start + 1 };
  const end = closingBrace(raw, start + 2);
  const braced = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([\s\S]*))?$/.exec(raw.slice(start + 2, end));
  if (!braced) return { text: raw.slice(start, end + 1), end: end + 1 };
  const [, name = "", operator = "", word = ""] = braced;
  const value = variables.get(name);
  const isSet = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
  const alternative = () => expandWord(word, variables, escapeCharacter);
  if (operator.endsWith("-")) return { text: isSet ? (value ?? "") : alternative(), end: end + 1 };
  if (operator.endsWith("+")) return { text: isSet ? alternative() : "", end: end + 1 };
  return { text: value ?? "", end: end + 1 };
}

function closingBrace(raw: string, from: number): number {
  let depth = 1;
  for (let at = from; at < raw.length; at++) {
    if (raw.charAt(at) === "{") depth += 1;
    if (raw.charAt(at) === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return raw.length;
}

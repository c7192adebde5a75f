/** A template that cannot be rendered: what stands there, in which line, and what would be allowed. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly line: number;
  readonly found: string;
  readonly allowed: string;

  constructor(line: number, found: string, allowed: string) {
    super(`line ${line}: ${found}; allowed: ${allowed}`);
    this.line = line;
    this.found = found;
    this.allowed = allowed;
  }
}

/** The smallest parts of a template; `open` and `close` are the braces of an action. */
export interface Token {
  readonly kind: "text" | "open" | "close" | "string" | "number" | "path" | "word" | "sign";
  /** Of a string its value. */
  readonly text: string;
  readonly line: number;
}

const comment = /\{\{(-\s+)?\/\*[\s\S]*?\*\/(\s+-)?\}\}/y;
const close = /(\s+-)?\}\}/y;
const inside =
  /(?<space>\s+)|(?<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?<number>-?\d+(?:\.\d+)?(?![\w.]))|(?<path>\$\w*(?:\.[A-Za-z_]\w*)*|(?:\.[A-Za-z_]\w*)+|\.(?!\w))|(?<word>[A-Za-z_]\w*)|(?<sign>:=|=|\||\(|\)|,)/y;

/** Splits a template into text and the tokens of its actions; `{{-` and `-}}` have trimmed the text around them. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  const state = { at: 0, line: 1, trim: false };
  const take = (length: number): string => {
    const piece = source.slice(state.at, state.at + length);
    state.at += length;
    state.line += piece.split("\n").length - 1;
    return piece;
  };
  while (state.at < source.length) {
    const open = source.indexOf("{{", state.at);
    const line = state.line;
    const text = take((open < 0 ? source.length : open) - state.at);
    const begun = state.trim ? text.trimStart() : text;
    const trimsBefore = open >= 0 && /^\{\{-\s/.test(source.slice(open, open + 4));
    const kept = trimsBefore ? begun.trimEnd() : begun;
    if (kept !== "") tokens.push({ kind: "text", text: kept, line });
    if (open < 0) break;
    const said = matchAt(comment, source, state.at);
    if (said) {
      state.trim = said[2] !== undefined;
      take(said[0].length);
    } else {
      tokens.push({ kind: "open", text: "{{", line: state.line });
      take(trimsBefore ? 3 : 2);
      state.trim = takeAction(source, tokens, state, take);
    }
  }
  return tokens;
}

/** Reads an action up to its end; gives whether the text after it is trimmed. */
function takeAction(
  source: string,
  tokens: Token[],
  state: { readonly at: number; readonly line: number },
  take: (length: number) => string,
): boolean {
  const begun = state.line;
  while (state.at < source.length) {
    const { line } = state;
    const end = matchAt(close, source, state.at);
    if (end) {
      tokens.push({ kind: "close", text: "}}", line });
      take(end[0].length);
      return end[1] !== undefined;
    }
    const found = matchAt(inside, source, state.at);
    if (!found) {
      const word = /^\S+/.exec(source.slice(state.at, state.at + 20))?.[0] ?? "";
      throw new TemplateError(line, word, "values, functions, | and parentheses in an action");
    }
    take(found[0].length);
    const [kind = "", text = ""] = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined) ?? [];
    if (kind === "string") tokens.push({ kind, text: unquote(text, line), line });
    else if (kind !== "space") tokens.push({ kind: kind as Token["kind"], text, line });
  }
  throw new TemplateError(begun, "{{", "}} at the end of an action");
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

/** Go's string literals: `\x` and octal escapes, which nobody writes into a manifest, are not among them. */
function unquote(text: string, line: number): string {
  if (text.startsWith("`")) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    throw new TemplateError(line, text, 'a string whose escapes are \\" \\\\ \\n \\r \\t or \\u0000');
  }
}

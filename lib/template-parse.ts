import { TemplateError, type Token, tokenize } from "./template-token.ts";

/** One value in a template: a literal, a path from the dot or a variable, a function by its name, or a pipeline in parentheses. */
export type Operand =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "path"; readonly variable: string | undefined; readonly names: readonly string[] }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline };

/** Commands joined by `|`, each the last argument of the next; the value may be given to a variable. */
export interface Pipeline {
  readonly line: number;
  readonly declares: readonly string[];
  readonly isNew: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

/** A piece of a parsed template. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipeline: Pipeline }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

const blocks = ["if", "with", "range"] as const;
type Block = (typeof blocks)[number];

/** Parses the part of Go's text/template that has no templates inside: actions, pipelines, variables, if, with and range. */
export function parseTemplate(source: string, functions: readonly string[]): readonly Node[] {
  const parser = new Parser(tokenize(source), functions);
  const { nodes, end } = parser.nodes([]);
  if (end) throw new TemplateError(end.line, end.text, "if, with or range before it");
  return nodes;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #functions: readonly string[];
  #at = 0;

  constructor(tokens: readonly Token[], functions: readonly string[]) {
    this.#tokens = tokens;
    this.#functions = functions;
  }

  /** Nodes up to one of the closing words, which is read as well, or to the end of the template. */
  nodes(closing: readonly string[]): { nodes: Node[]; end: Token | undefined } {
    const nodes: Node[] = [];
    for (let token = this.#next(); token; token = this.#next()) {
      if (token.kind === "text") nodes.push({ kind: "text", text: token.text });
      else {
        const word = this.#peek();
        if (word?.kind === "word" && ["end", "else"].includes(word.text)) {
          this.#next();
          if (!closing.includes(word.text)) return { nodes, end: word };
          if (word.text === "end") this.#close();
          return { nodes, end: word };
        }
        const node = this.#action(token);
        if (node) nodes.push(node);
      }
    }
    return { nodes, end: undefined };
  }

  #action(open: Token): Node | undefined {
    const word = this.#peek();
    if (word?.kind === "close") {
      this.#next();
      return undefined;
    }
    const block = blocks.find((name) => word?.kind === "word" && word.text === name);
    if (block) {
      this.#next();
      return this.#block(block, open.line);
    }
    const pipeline = this.#pipeline(open.line);
    this.#close();
    return { kind: "print", pipeline };
  }

  #block(kind: Block, line: number): Node {
    const pipeline = this.#pipeline(line);
    this.#close();
    const { nodes: body, end } = this.nodes(["end", "else"]);
    if (!end) throw new TemplateError(line, kind, "an {{ end }} for it");
    return { kind, pipeline, body, otherwise: end.text === "else" ? this.#otherwise(line) : [] };
  }

  #otherwise(line: number): readonly Node[] {
    if (this.#peek()?.text === "if") {
      this.#next();
      return [this.#block("if", line)];
    }
    this.#close();
    const { nodes, end } = this.nodes(["end"]);
    if (end?.text !== "end") throw new TemplateError(end?.line ?? line, end?.text ?? "else", "an {{ end }} for it");
    return nodes;
  }

  #pipeline(line: number): Pipeline {
    const declares: string[] = [];
    const start = this.#at;
    for (;;) {
      const token = this.#peek();
      if (token?.kind !== "path" || !/^\$\w+$/.test(token.text)) break;
      declares.push(token.text);
      this.#next();
      if (this.#peek()?.text !== ",") break;
      this.#next();
    }
    const sign = this.#peek()?.text;
    const isDeclared = declares.length > 0 && (sign === ":=" || sign === "=");
    if (isDeclared) this.#next();
    else this.#at = start;
    const commands = [this.#command()];
    while (this.#peek()?.text === "|" && this.#peek()?.kind === "sign") {
      this.#next();
      commands.push(this.#command());
    }
    return { line, declares: isDeclared ? declares : [], isNew: sign === ":=", commands };
  }

  #command(): Operand[] {
    const operands: Operand[] = [];
    for (;;) {
      const token = this.#peek();
      if (!token || token.kind === "close" || (token.kind === "sign" && token.text !== "(")) break;
      this.#next();
      operands.push(this.#operand(token));
    }
    if (operands.length === 0) throw new TemplateError(this.#line(), this.#peek()?.text ?? "", "a value");
    return operands;
  }

  #operand({ kind, text, line }: Token): Operand {
    if (kind === "string" || kind === "number") {
      return { kind: "literal", value: kind === "number" ? Number(text) : text };
    }
    if (kind === "path") return pathOf(text);
    if (kind === "sign") {
      const pipeline = this.#pipeline(line);
      const end = this.#next();
      if (end?.text !== ")") throw new TemplateError(line, "(", "a closing parenthesis in the same action");
      return { kind: "pipeline", pipeline };
    }
    const constants: Readonly<Record<string, boolean | null>> = { true: true, false: false, nil: null };
    if (text in constants) return { kind: "literal", value: constants[text] ?? null };
    if (this.#functions.includes(text)) return { kind: "function", name: text };
    throw new TemplateError(
      line,
      text,
      `the functions ${this.#functions.join(", ")}, and if, with, range, else and end`,
    );
  }

  #close(): void {
    const token = this.#next();
    if (token?.kind !== "close") throw new TemplateError(this.#line(), token?.text ?? "", "}} here");
  }

  #line(): number {
    return (this.#tokens[this.#at] ?? this.#tokens.at(-1))?.line ?? 1;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++];
  }
}

function pathOf(text: string): Operand {
  const [variable, ...names] = text.split(".");
  return { kind: "path", variable: variable || undefined, names: names.filter((name) => name !== "") };
}

import { formatValue, isTrue, takesUndefined, templateFunctions, Undefined } from "./template-functions.ts";
import { type Node, type Operand, type Pipeline, parseTemplate } from "./template-parse.ts";
import { TemplateError } from "./template-token.ts";

export interface TemplateOptions {
  /** What the dot is, by name. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What `env` and `expandenv` know; the environment of this process is not among it. */
  readonly env: Readonly<Record<string, string>>;
  readonly now: Date;
}

type Variables = Map<string, { value: unknown }>;

interface Scope {
  readonly dot: unknown;
  readonly variables: Variables;
  readonly options: TemplateOptions;
}

/**
 * Renders a template of Go's text/template in full, or throws TemplateError with the line: a name that nothing was given for, a function
 * that is not there, or a value without a text is never written as `<no value>`.
 */
export function renderTemplate(source: string, options: TemplateOptions): string {
  const nodes = parseTemplate(source, Object.keys(templateFunctions));
  const variables: Variables = new Map([["$", { value: options.values }]]);
  return renderNodes(nodes, { dot: options.values, variables, options });
}

function renderNodes(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => renderNode(node, scope)).join("");
}

function renderNode(node: Node, scope: Scope): string {
  if (node.kind === "text") return node.text;
  if (node.kind === "range") return renderRange(node, inner(scope));
  if (node.kind === "print") {
    const value = evaluate(node.pipeline, scope);
    return node.pipeline.declares.length > 0 ? "" : printed(value, node.pipeline);
  }
  // A variable of an if lives as long as the if.
  const within = inner(scope);
  const value = defined(evaluate(node.pipeline, within), node.pipeline.line);
  if (!isTrue(value)) return renderNodes(node.otherwise, within);
  return renderNodes(node.body, node.kind === "with" ? { ...within, dot: value } : within);
}

function renderRange({ pipeline, body, otherwise }: Exclude<Node, { kind: "text" | "print" }>, scope: Scope): string {
  const value = defined(evaluate({ ...pipeline, declares: [] }, scope), pipeline.line);
  if (typeof value !== "object" || value === null)
    throw new TemplateError(pipeline.line, String(value), "range over a list or a map");
  const entries: [unknown, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return renderNodes(otherwise, scope);
  const names = pipeline.declares.length === 1 ? [undefined, pipeline.declares[0]] : pipeline.declares;
  return entries
    .map((entry) => {
      const each = inner(scope);
      for (const [index, name] of names.entries()) if (name) each.variables.set(name, { value: entry[index] });
      return renderNodes(body, { ...each, dot: entry[1] });
    })
    .join("");
}

/** The same variables, to which new ones are added in here alone. */
function inner(scope: Scope): Scope {
  return { ...scope, variables: new Map(scope.variables) };
}

function evaluate(pipeline: Pipeline, scope: Scope): unknown {
  const { line, commands, declares, isNew } = pipeline;
  let piped: { value: unknown } | undefined;
  for (const command of commands) piped = { value: run(command, { piped, line, scope }) };
  const value = piped?.value;
  for (const name of declares) {
    const variable = scope.variables.get(name);
    if (isNew) scope.variables.set(name, { value: defined(value, line) });
    else if (variable) variable.value = defined(value, line);
    else
      throw new TemplateError(
        line,
        name,
        `:= for a variable that is new, or ${[...scope.variables.keys()].join(", ")}`,
      );
  }
  return value;
}

interface RunOptions {
  /** What the command before this one gave. */
  readonly piped: { readonly value: unknown } | undefined;
  readonly line: number;
  readonly scope: Scope;
}

function run([first, ...rest]: readonly Operand[], { piped, line, scope }: RunOptions): unknown {
  if (first?.kind !== "function") {
    if (rest.length > 0 || piped) throw new TemplateError(line, "a value", "a function before arguments and after |");
    return first ? operandValue(first, line, scope) : undefined;
  }
  const given = [...rest.map((operand) => operandValue(operand, line, scope)), ...(piped ? [piped.value] : [])];
  const args = takesUndefined.includes(first.name) ? given : given.map((value) => defined(value, line));
  try {
    return templateFunctions[first.name]?.(args, scope.options);
  } catch (error) {
    throw new TemplateError(line, first.name, error instanceof Error ? error.message : String(error));
  }
}

function operandValue(operand: Operand, line: number, scope: Scope): unknown {
  if (operand.kind === "literal") return operand.value;
  if (operand.kind === "pipeline") return evaluate(operand.pipeline, scope);
  if (operand.kind === "function") return run([operand], { piped: undefined, line, scope });
  const { variable, names } = operand;
  const start = variable === undefined ? { value: scope.dot } : scope.variables.get(variable);
  if (!start) throw new TemplateError(line, variable ?? "", [...scope.variables.keys()].join(", "));
  return names.reduce(fieldOf, start.value);
}

function fieldOf(value: unknown, name: string): unknown {
  if (value instanceof Undefined) return value;
  const fields = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const found = Object.hasOwn(fields, name) ? fields[name] : undefined;
  const known = Object.keys(fields).filter((key) => fields[key] !== undefined);
  return found === undefined
    ? new Undefined(
        `.${name}`,
        known.map((key) => `.${key}`),
      )
    : found;
}

function defined(value: unknown, line: number): unknown {
  if (!(value instanceof Undefined)) return value;
  throw new TemplateError(
    line,
    value.name,
    `${value.allowed.join(", ") || "nothing"}, or default for what may be absent`,
  );
}

function printed(value: unknown, { line }: Pipeline): string {
  const found = defined(value, line);
  try {
    return formatValue(found);
  } catch (error) {
    throw new TemplateError(line, JSON.stringify(found) ?? "nil", error instanceof Error ? error.message : "");
  }
}

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

/** A call as the emulator saw it and answered it. */
export interface ObservedCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly status: number;
  readonly answer: unknown;
}

/** Checks calls against GitHub's published OpenAPI description. */
export interface OpenApiCheck {
  /** What is wrong with a call, in words; empty when it is as described. */
  violations(call: ObservedCall): readonly string[];
}

/** Reads the description of api.github.com, which is 13 MB: once for a test file. */
export function loadGithubOpenApi(): OpenApiCheck {
  const file = createRequire(import.meta.url).resolve("@octokit/openapi/generated/api.github.com.json");
  const description = JSON.parse(readFileSync(file, "utf8")) as JsonObject;
  const ajv = new Ajv({ strict: false, allErrors: true, coerceTypes: false });
  addFormats.default(ajv);
  const compiled = new Map<string, ValidateFunction>();
  const validate = (key: string, schema: Json, value: unknown): readonly string[] => {
    const check = compiled.get(key) ?? ajv.compile(resolveSchema(schema, description) as JsonObject);
    compiled.set(key, check);
    return check(value) ? [] : (check.errors ?? []).map((error) => `${key} ${error.instancePath} ${error.message}`);
  };
  return { violations: (call) => checkCall(call, description, validate) };
}

type Validate = (key: string, schema: Json, value: unknown) => readonly string[];

function checkCall(call: ObservedCall, description: JsonObject, validate: Validate): readonly string[] {
  const template = findTemplate(call.path, Object.keys(description.paths as JsonObject));
  const operation = template && at(description, ["paths", template, call.method.toLowerCase()]);
  if (!isObject(operation)) return [`${call.method} ${call.path} is no operation of the API`];
  const key = `${call.method} ${template}`;
  return [
    ...checkQuery(call, operation, description, (name, schema, value) => validate(`${key}?${name}`, schema, value)),
    ...checkBody(call, operation, (schema, value) => validate(`${key} body`, schema, value)),
    ...checkAnswer(call, operation, description, (schema, value) => validate(`${key} ${call.status}`, schema, value)),
  ];
}

function checkQuery(
  call: ObservedCall,
  operation: JsonObject,
  description: JsonObject,
  validate: (name: string, schema: Json, value: unknown) => readonly string[],
): readonly string[] {
  const parameters = ((operation.parameters ?? []) as Json[]).map((parameter) => dereference(parameter, description));
  const described = parameters.filter((parameter) => parameter.in === "query");
  const unknown = [...call.query.keys()].filter((name) => !described.some((parameter) => parameter.name === name));
  const wrong = described.flatMap((parameter) => {
    const name = typeof parameter.name === "string" ? parameter.name : "";
    const value = call.query.get(name);
    if (value === null) return parameter.required === true ? [`query ${name} is missing`] : [];
    const numeric = isObject(parameter.schema) && parameter.schema.type === "integer";
    return validate(name, parameter.schema ?? {}, numeric ? Number(value) : value);
  });
  return [...unknown.map((name) => `${call.path}: query ${name} is not described`), ...wrong];
}

function checkBody(
  call: ObservedCall,
  operation: JsonObject,
  validate: (schema: Json, value: unknown) => readonly string[],
): readonly string[] {
  const schema = at(operation, ["requestBody", "content", "application/json", "schema"]);
  if (schema === undefined) return [];
  if (!isObject(call.body)) return [`${call.method} ${call.path} has no JSON body`];
  const properties = Object.keys((isObject(schema) && isObject(schema.properties) && schema.properties) || {});
  const unknown = Object.keys(call.body).filter((name) => !properties.includes(name));
  return [...unknown.map((name) => `${call.path}: body ${name} is not described`), ...validate(schema, call.body)];
}

function checkAnswer(
  call: ObservedCall,
  operation: JsonObject,
  description: JsonObject,
  validate: (schema: Json, value: unknown) => readonly string[],
): readonly string[] {
  const described = at(operation, ["responses", String(call.status)]);
  if (described === undefined) return [`${call.method} ${call.path} is not described to answer ${call.status}`];
  const schema = at(dereference(described, description), ["content", "application/json", "schema"]);
  return schema === undefined ? [] : validate(schema, call.answer);
}

/** The described path with the fewest parameters that fits; a git ref may hold slashes. */
function findTemplate(path: string, templates: readonly string[]): string | undefined {
  const parameters = (template: string) => template.split("{").length;
  const fits = (template: string) => {
    const pattern = template
      .replaceAll(".", "\\.")
      .replace(/\{ref\}$/, ".+")
      .replaceAll(/\{[^}]+\}/g, "[^/]+");
    return new RegExp(`^${pattern}$`).test(path);
  };
  return templates.filter(fits).toSorted((left, right) => parameters(left) - parameters(right))[0];
}

/** Follows references and writes OpenAPI's `nullable` as JSON Schema. */
function resolveSchema(schema: Json, description: JsonObject): Json {
  if (Array.isArray(schema)) return schema.map((item) => resolveSchema(item, description));
  if (!isObject(schema)) return schema;
  if (typeof schema.$ref === "string") return resolveSchema(dereference(schema, description), description);
  const { nullable, example: _example, examples: _examples, ...rest } = schema;
  const entries = Object.entries(rest).map(([key, value]) => [key, resolveSchema(value, description)]);
  const resolved = Object.fromEntries(entries) as JsonObject;
  // A real answer has `starter` for an interrupted upload, as the prose of the reference says; the description forgot it.
  if (JSON.stringify(resolved.enum) === '["uploaded","open"]') resolved.enum = ["uploaded", "open", "starter"];
  return nullable === true ? { anyOf: [{ type: "null" }, resolved] } : resolved;
}

function dereference(value: Json, description: JsonObject): JsonObject {
  if (!isObject(value)) return {};
  if (typeof value.$ref !== "string") return value;
  const target = at(description, value.$ref.replace("#/", "").split("/"));
  return isObject(target) ? target : {};
}

function at(value: Json, path: readonly string[]): Json | undefined {
  let found: Json | undefined = value;
  for (const key of path) found = isObject(found) ? found[key] : undefined;
  return found;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import * as v from "valibot";
import { parse } from "yaml";
import { InputError } from "../error.ts";
import { parseReference } from "../oci/reference.ts";

/** How a service tells that it is ready: a command in its own container that ends with 0, or a port that accepts a connection. */
export type ServiceHealth = { readonly command: readonly string[] } | { readonly port: number };

/** One service as the caller asks for it; values of `env` may hold `${random}`. */
export interface ServiceRequest {
  /** DNS label. */
  readonly name: string;
  readonly image: string;
  /** Replaces the image's entrypoint; empty keeps it. */
  readonly command: readonly string[];
  /** Replaces the image's command; empty keeps it. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  /** Undefined when it is ready as soon as it runs. */
  readonly health: ServiceHealth | undefined;
  /** User and group in numbers; undefined is that of the test. */
  readonly user: { readonly uid: number; readonly gid: number | undefined } | undefined;
  /** Kubernetes quantities. */
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
}

const reservedNames = ["test", "collector"];
const aPort = "a port from 1 to 65535, the one that the service itself listens on";
const portNumber = v.pipe(v.number(aPort), v.integer(aPort), v.minValue(1, aPort), v.maxValue(65_535, aPort));
/** GitHub's `5432:5432` is the same port on both sides, and so is every port here. */
const port = v.union(
  [portNumber, v.pipe(v.string(), v.regex(/^(\d+)(?::\1)?$/, aPort), v.transform(Number.parseInt), portNumber)],
  aPort,
);
const words = v.union([v.pipe(v.string(), v.minLength(1)), v.array(v.string())], "a text or a list of texts");
const quantity = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform(String),
  v.regex(/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/, "an amount such as 500m or 2Gi"),
);
const user = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform(String),
  v.regex(/^\d{1,9}(:\d{1,9})?$/, "UID[:GID] in numbers"),
);
const variables = v.record(
  v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "names of environment variables")),
  v.pipe(v.union([v.string(), v.number(), v.boolean()], "a text, a number, true or false"), v.transform(String)),
);
const service = v.strictObject({
  image: v.pipe(
    v.string("the reference of an image"),
    v.check((text) => parseReference(text) !== undefined, "the reference of an image"),
  ),
  command: v.optional(words),
  args: v.optional(words),
  env: v.optional(variables),
  ports: v.optional(v.array(port, "a list of ports")),
  health: v.optional(
    v.union([v.strictObject({ command: words }), v.strictObject({ port })], "{command: …} or {port: …}"),
  ),
  user: v.optional(user),
  cpu: v.optional(quantity),
  memory: v.optional(quantity),
});
const name = v.pipe(
  v.string(),
  v.regex(
    /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
    "names of at most 40 characters a-z, 0-9 and -, beginning with a letter",
  ),
  v.check((text) => !reservedNames.includes(text), `names other than ${reservedNames.join(" and ")}`),
);
const aMap = "a map of names to services";
const schema = v.pipe(
  v.custom<object>((document) => typeof document === "object" && document !== null && !Array.isArray(document), aMap),
  v.record(name, service),
);
const keys = Object.keys(service.entries).join(", ");

/** Reads a YAML mapping of names to services; throws InputError that names the place and what is allowed there. */
export function parseServices(input: string, text: string): readonly ServiceRequest[] {
  const document = parseYaml(input, text);
  const parsed = v.safeParse(schema, document);
  if (!parsed.success) throw wrongPlace(input, parsed.issues[0]);
  const requests = Object.entries(parsed.output).map(([name, found]) => toRequest(name, found));
  const ports = requests.flatMap((request) => request.ports);
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined)
    throw new InputError(input, String(twice), "each port once, for all services share localhost with the test");
  return requests;
}

function parseYaml(input: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new InputError(input, text, `YAML, ${aMap}`, error instanceof Error ? error.message : "");
  }
}

function wrongPlace(input: string, issue: v.BaseIssue<unknown>): InputError {
  const path = v.getDotPath(issue);
  const place = path === null ? input : `${input}.${path}`;
  if (issue.type === "strict_object" && issue.expected === "never")
    return new InputError(place, String(issue.path?.at(-1)?.key), `the keys ${keys}`);
  if (issue.received === "undefined") return new InputError(place, "", "a value, it is required");
  const allowed = issue.message.startsWith("Invalid ") ? (issue.expected ?? "another value") : issue.message;
  const value = issue.path?.at(-1)?.origin === "key" ? issue.path.at(-1)?.key : issue.input;
  return new InputError(place, typeof value === "string" ? value : JSON.stringify(value ?? null), allowed);
}

function toRequest(name: string, found: v.InferOutput<typeof service>): ServiceRequest {
  const { env = {}, ports = [] } = found;
  const [uid, gid] = found.user?.split(":").map(Number) ?? [];
  return {
    name,
    image: found.image,
    command: commandOf(found.command),
    args: typeof found.args === "string" ? [found.args] : (found.args ?? []),
    env,
    ports,
    health: healthOf(found.health) ?? (ports[0] === undefined ? undefined : { port: ports[0] }),
    user: uid === undefined ? undefined : { uid, gid },
    cpu: found.cpu,
    memory: found.memory,
  };
}

function healthOf(health: v.InferOutput<typeof service>["health"]): ServiceHealth | undefined {
  return health && "command" in health ? { command: commandOf(health.command) } : health;
}

/** A text is for the shell of the service's image, a list is a program with its arguments. */
function commandOf(words: string | readonly string[] | undefined): readonly string[] {
  return typeof words === "string" ? ["/bin/sh", "-c", words] : (words ?? []);
}

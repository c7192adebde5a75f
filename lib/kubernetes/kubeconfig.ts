import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse } from "yaml";
import { DomainError } from "../error.ts";
import { findKubeconfigPlace, type KubeconfigPlace, type KubeconfigSearch } from "./kubeconfig-place.ts";

/** An entry of one of a kubeconfig's three lists: `value` is what stands beside the name. */
interface Named {
  readonly name: string;
  readonly [key: string]: unknown;
}

/** A kubeconfig with absolute paths, merged from all its files. */
export interface KubeconfigDocument {
  readonly clusters: readonly Named[];
  readonly users: readonly Named[];
  readonly contexts: readonly Named[];
  readonly "current-context": string;
}

/** A place that a kubeconfig can be read from, again and again: what it names may be renewed while we run. */
export interface KubeconfigSource {
  /** For people. */
  readonly description: string;
  /** Throws DomainError `kubeconfig-missing` or `kubeconfig-invalid`. */
  read(): KubeconfigDocument;
}

type Fields = Record<string, unknown>;

/** What findKubeconfigPlace finds, to be read. */
export function findKubeconfigSource(search: KubeconfigSearch): KubeconfigSource | undefined {
  const place = findKubeconfigPlace(search);
  return place && { description: place.description, read: () => readPlace(place, search.env) };
}

/** The error of a machine on which no cluster is configured. */
export function kubeconfigMissing(): DomainError {
  return new DomainError(
    "kubeconfig-missing",
    "No cluster is configured: no input kubeconfig, no KUBECONFIG, no service account, no ~/.kube/config, no microk8s.",
    {
      hint: "Set the input kubeconfig or the variable KUBECONFIG to the path of a kubeconfig.",
    },
  );
}

function readPlace(place: KubeconfigPlace, env: NodeJS.ProcessEnv): KubeconfigDocument {
  if (place.kind === "content") return merge([readDocument(place.text, process.cwd(), "The input kubeconfig")]);
  if (place.kind === "files") return readFiles(place.description, place.paths);
  return inClusterDocument(env, place.directory);
}

function readFiles(description: string, paths: readonly string[]): KubeconfigDocument {
  // Like kubectl: of a list of files, those that do not exist are passed over.
  const present = paths.filter((path) => existsSync(path));
  if (present.length === 0) {
    throw new DomainError("kubeconfig-missing", `There is no file at ${description}.`, {
      hint: "Give the path of a kubeconfig that exists.",
    });
  }
  return merge(present.map((path) => readDocument(readText(path), dirname(resolve(path)), `The kubeconfig ${path}`)));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new DomainError("kubeconfig-invalid", `The kubeconfig ${path} cannot be read.`, { cause: error });
  }
}

function readDocument(text: string, directory: string, what: string): Fields {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new DomainError("kubeconfig-invalid", `${what} is not YAML.`, { cause: error });
  }
  if (!isFields(document) || (document.kind !== undefined && document.kind !== "Config")) {
    throw new DomainError("kubeconfig-invalid", `${what} is not a kubeconfig: it has no clusters, users and contexts.`);
  }
  const clusters = entries(document.clusters).map((entry) =>
    withValue(entry, "cluster", (value) => normalCluster(value, directory)),
  );
  const servers = new Map(clusters.map((entry) => [entry.name, entry.cluster]));
  return {
    ...document,
    clusters,
    users: entries(document.users).map((entry) =>
      withValue(entry, "user", (value) => normalUser(value, directory, servers)),
    ),
  };
}

/** The first file that has a name, or a current context, wins. */
function merge(documents: readonly Fields[]): KubeconfigDocument {
  const first = (key: string) => [
    ...new Map(
      documents
        .toReversed()
        .flatMap((document) => entries(document[key]))
        .map((entry) => [entry.name, entry]),
    ).values(),
  ];
  const current = documents
    .map((document) => document["current-context"])
    .find((name) => typeof name === "string" && name !== "");
  return {
    clusters: first("clusters"),
    users: first("users"),
    contexts: first("contexts"),
    "current-context": typeof current === "string" ? current : "",
  };
}

function normalCluster(cluster: Fields, directory: string): Fields {
  // client-node refuses plain HTTP unless told so; kubectl does not.
  const isPlain = typeof cluster.server === "string" && cluster.server.startsWith("http:");
  return {
    ...absolute(cluster, ["certificate-authority"], directory),
    ...(isPlain ? { "insecure-skip-tls-verify": true } : {}),
  };
}

function normalUser(user: Fields, directory: string, servers: ReadonlyMap<string, unknown>): Fields {
  const { tokenFile, ...rest } = absolute(user, ["client-certificate", "client-key", "tokenFile"], directory);
  // client-node knows the field under another name and reads it once; its provider "tokenFile" reads it again every minute.
  if (typeof tokenFile === "string")
    return { ...rest, token: undefined, "auth-provider": { name: "tokenFile", config: { tokenFile } } };
  if (!isFields(user.exec)) return rest;
  const { command, env, apiVersion, provideClusterInfo } = user.exec;
  const isRelative = typeof command === "string" && command.includes("/") && !isAbsolute(command);
  // https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
  const cluster = provideClusterInfo === true && servers.size === 1 ? { cluster: [...servers.values()][0] } : {};
  const info = { apiVersion, kind: "ExecCredential", spec: { interactive: false, ...cluster } };
  const given = Array.isArray(env) ? env : [];
  return {
    ...rest,
    exec: {
      ...user.exec,
      command: isRelative ? join(directory, command) : command,
      env: [...given, { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }],
    },
  };
}

function inClusterDocument(env: NodeJS.ProcessEnv, directory: string): KubeconfigDocument {
  const host = env.KUBERNETES_SERVICE_HOST ?? "";
  const name = "in-cluster";
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? "443"}`;
  const namespaceFile = join(directory, "namespace");
  const namespace = existsSync(namespaceFile) ? readFileSync(namespaceFile, "utf8").trim() : undefined;
  return {
    clusters: [{ name, cluster: { server, "certificate-authority": join(directory, "ca.crt") } }],
    users: [
      { name, user: { "auth-provider": { name: "tokenFile", config: { tokenFile: join(directory, "token") } } } },
    ],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    "current-context": name,
  };
}

function absolute(fields: Fields, keys: readonly string[], directory: string): Fields {
  const changed = keys
    .filter((key) => typeof fields[key] === "string" && fields[key] !== "")
    .map((key) => [key, resolve(directory, String(fields[key]))]);
  return { ...fields, ...Object.fromEntries(changed) };
}

function withValue(entry: Named, key: string, change: (value: Fields) => Fields): Named {
  const value = entry[key];
  return isFields(value) ? { ...entry, [key]: change(value) } : entry;
}

function entries(list: unknown): Named[] {
  return Array.isArray(list)
    ? list.filter((entry): entry is Named => isFields(entry) && typeof entry.name === "string")
    : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

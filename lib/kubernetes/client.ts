import http from "node:http";
import https from "node:https";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import type { Authorization } from "./api-request.ts";
import {
  findKubeconfigSource,
  type KubeconfigDocument,
  type KubeconfigSource,
  kubeconfigMissing,
} from "./kubeconfig.ts";
import { createTransport, type Transport } from "./transport.ts";

/** A cluster to work in: the one object that every function of this folder takes first. */
export interface Cluster extends Transport {
  /** Where objects are when nothing else is said. */
  readonly namespace: string;
}

export interface ConnectOptions {
  /** Path or content of a kubeconfig. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** How long watches and logs go on trying while the API server is away; default 5 min. */
  readonly awayBudgetMs?: number;
}

/** Says which kubeconfig would be used, for people; undefined when no cluster is configured here. Nothing is contacted. */
export function findKubeconfig(options: {
  kubeconfig?: string | undefined;
  env: NodeJS.ProcessEnv;
}): string | undefined {
  return findKubeconfigSource(options)?.description;
}

/** Throws DomainError `kubeconfig-missing`, `kubeconfig-invalid` or `context-missing`. Contacts nothing yet. */
export async function connectKubernetes(options: ConnectOptions): Promise<Cluster> {
  const source = findKubeconfigSource(options);
  if (source === undefined) throw kubeconfigMissing();
  const loaded = loadConfig(source, options.context);
  const { config } = loaded;
  const server = config.getCurrentCluster()?.server ?? "";
  const authorizer = createAuthorizer(loaded, () => loadConfig(source, options.context), options.env);
  const transport = createTransport({
    server,
    log: options.log,
    awayBudgetMs: options.awayBudgetMs ?? 300_000,
    ...authorizer,
  });
  const namespace = options.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? "default";
  return { ...transport, namespace };
}

interface LoadedConfig {
  readonly config: KubeConfig;
  /** `as-groups` of the user, which KubeConfig leaves out: without them the server would see another identity than the one that is meant. */
  readonly groups: readonly string[];
}

function loadConfig(source: KubeconfigSource, context: string | undefined): LoadedConfig {
  const config = new KubeConfig();
  const document = source.read();
  try {
    config.loadFromString(JSON.stringify(document));
  } catch (error) {
    throw new DomainError("kubeconfig-invalid", `${source.description} cannot be used.`, { cause: error });
  }
  if (context !== undefined) config.setCurrentContext(context);
  checkContext(config, source.description);
  return { config, groups: impersonatedGroups(document, config.getCurrentUser()?.name) };
}

function impersonatedGroups({ users }: KubeconfigDocument, name: string | undefined): string[] {
  const user: { "as-groups"?: unknown } = Object(users.find((entry) => entry.name === name)?.user);
  return Array.isArray(user["as-groups"]) ? user["as-groups"].map(String) : [];
}

function checkContext(config: KubeConfig, description: string): void {
  const name = config.getCurrentContext();
  const context = config.getContextObject(name);
  if (!context) {
    const names = config.getContexts().map((other) => other.name);
    throw new DomainError(
      "context-missing",
      `${description} has no context ${JSON.stringify(name)}; it has: ${names.join(", ") || "none"}.`,
      {
        hint: "Name one of them in the input context, or set current-context.",
      },
    );
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || !URL.canParse(server)) {
    throw new DomainError(
      "kubeconfig-invalid",
      `Context ${name} of ${description} names the cluster ${context.cluster}, which has no usable server URL.`,
    );
  }
  if (!config.getCurrentUser()) {
    throw new DomainError(
      "kubeconfig-invalid",
      `Context ${name} of ${description} names the user ${context.user}, which is not there.`,
    );
  }
}

/**
 * Credentials for each request, as KubeConfig makes them from certificates, tokens, token files, exec plugins and OIDC. A refresh
 * reads everything anew. The agent is ours where there is no proxy-url: KubeConfig's keeps no connections, and its first certificate for ever.
 */
function createAuthorizer(first: LoadedConfig, reload: () => LoadedConfig, env: NodeJS.ProcessEnv) {
  let { config, groups } = first;
  let agent: { readonly key: string; readonly agent: http.Agent } | undefined;
  const authorize = async (refresh: boolean): Promise<Authorization> => {
    if (refresh) ({ config, groups } = reload());
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options).catch((error: unknown) => {
      throw new DomainError("credentials-failed", `No credentials for user ${config.getCurrentUser()?.name}.`, {
        cause: error,
        hint: "Check the exec plugin, token file or certificate files that the kubeconfig names.",
      });
    });
    const { agent: proxyAgent, auth, headers } = options;
    const tls = {
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized,
    };
    const key = JSON.stringify(Object.values(tls).map(String));
    const cluster = config.getCurrentCluster();
    if (!cluster?.proxyUrl && agent?.key !== key) {
      agent?.agent.destroy();
      agent = { key, agent: createAgent(cluster?.server ?? "", defined(tls), env) };
    }
    const used = cluster?.proxyUrl && proxyAgent instanceof http.Agent ? proxyAgent : agent?.agent;
    return {
      agent: used,
      tls: defined(tls),
      headers: {
        ...textHeaders(headers),
        ...(groups.length > 0 ? { "Impersonate-Group": groups } : {}),
        ...(auth ? { Authorization: `Basic ${Buffer.from(auth).toString("base64")}` } : {}),
      },
    };
  };
  return { authorize, close: () => agent?.agent.destroy() };
}

function createAgent(server: string, tls: https.AgentOptions, env: NodeJS.ProcessEnv): http.Agent {
  const { hostname, protocol } = new URL(server);
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
  // Idle connections are given up before an API server does so: a request would meet a connection that is just closing.
  const options = { keepAlive: true, timeout: 30_000, ...(isLoopback ? {} : { proxyEnv: env }) };
  return protocol === "http:" ? new http.Agent(options) : new https.Agent({ ...options, ...tls });
}

function textHeaders(headers: https.RequestOptions["headers"]): Record<string, string> {
  const pairs = Object.entries(headers ?? {}).filter(([, value]) => value !== undefined);
  // A token file usually ends with a newline, which no header may hold.
  return Object.fromEntries(pairs.map(([name, value]) => [name, String(value).trim()]));
}

function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

import { DomainError } from "../error.ts";
import type { Cluster } from "./client.ts";
import { type ApiStatus, KubernetesError } from "./kubernetes-error.ts";
import { createLineSplitter } from "./line-splitter.ts";
import { readChunks } from "./read-chunks.ts";
import { type ApiObject, type Resource, resourcePath } from "./resource.ts";

/** One line of a watch: a change, or a BOOKMARK, which has nothing but a version. */
export interface WatchFrame<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

export interface WatchConnectionOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean;
  /** What comes later than this version is sent. */
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
  /** Called when the server has answered. */
  readonly onOpen: () => void;
}

/** Bookmarks come about once a minute: a watch that is silent for longer than this has lost its server. */
const idleMs = 90_000;

/** The frames of one connection until it ends. Throws KubernetesError also for an error that comes as a frame, such as 410 Expired. */
export async function* openWatch<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  options: WatchConnectionOptions,
): AsyncGenerator<WatchFrame<T>, void, void> {
  const { labelSelector, fieldSelector, resourceVersion, signal, onOpen } = options;
  const path = resourcePath(resource, options.allNamespaces ? undefined : (options.namespace ?? cluster.namespace));
  // Servers end watches after a time; a random one keeps many clients from coming back together.
  const timeoutSeconds = 300 + Math.floor(Math.random() * 300);
  const query = {
    labelSelector,
    fieldSelector,
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion,
    timeoutSeconds,
  };
  const response = await cluster.stream({ method: "GET", path, query, signal });
  onOpen();
  const lines = createLineSplitter();
  for await (const chunk of readChunks(response, { idleMs })) {
    // A line that was cut is dropped with its connection: the next one sends it again.
    for (const line of lines.push(chunk)) {
      if (line !== "") yield parseFrame<T>(line, `GET ${path}?watch`);
    }
  }
}

function parseFrame<T>(line: string, what: string): WatchFrame<T> {
  const frame = parseLine<T>(line);
  if (frame.type !== "ERROR") return frame;
  throw new KubernetesError(what, frame.object.code ?? 500, frame.object);
}

function parseLine<T>(line: string): WatchFrame<T> | { type: "ERROR"; object: ApiStatus } {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DomainError("api-unreachable", "The API server's answer is not JSON.", { cause, retryable: true });
  }
}

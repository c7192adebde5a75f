import { startApiProxy } from "./api-proxy.ts";
import type { ApiQuestion } from "./api-question.ts";

/** A request to the API server, as its authorizer sees it, and the answer's status. */
export interface RecordedRequest extends ApiQuestion {
  readonly status: number;
}

export interface ApiRecorder extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
}

/**
 * Passes everything on to an API server whose certificate `ca` has signed, WebSockets too, and writes down what was asked for. Whoever watches pods
 * through it is shown them on a node that is not this machine.
 */
export async function startApiRecorder(server: string, ca: string): Promise<ApiRecorder> {
  const requests: RecordedRequest[] = [];
  const proxy = await startApiProxy({
    server,
    tls: { ca },
    fault: ({ verb, resource }) =>
      verb === "watch" && resource === "pods" ? { rewrite: moveToAnotherNode } : undefined,
    onAnswer: ({ verb, resource, namespace, name }, status) =>
      requests.push({ verb, resource, namespace, name, status }),
  });
  return { url: proxy.url, requests, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
}

function moveToAnotherNode(line: string): string {
  return line
    .replaceAll(/"hostIPs?":("[^"]*"|\[[^\]]*\]),?/g, "")
    .replace('"podIP":', '"hostIP":"203.0.113.7","podIP":');
}

/** `verb resource` of each kind of request, once, in order. */
export function rightsUsed(requests: readonly RecordedRequest[]): readonly string[] {
  return [...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].toSorted();
}

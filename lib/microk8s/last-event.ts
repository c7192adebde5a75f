import type { Cluster } from "../kubernetes/client.ts";
import { listObjects } from "../kubernetes/object.ts";
import { events } from "../kubernetes/resource.ts";

/** What the newest warning, else the newest event, of an object says, as `reason: message`; undefined where there is none or it may not be read. */
export async function lastEventOf(
  cluster: Cluster,
  { kind, namespace, name }: { readonly kind: string; readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { items } = await listObjects(cluster, events, {
      namespace,
      fieldSelector: `involvedObject.kind=${kind},involvedObject.name=${name}`,
      signal,
      timeoutMs: 10_000,
    });
    const sorted = items.toSorted((one, other) => timeOf(one) - timeOf(other));
    const found = sorted.findLast(({ type }) => type === "Warning") ?? sorted.at(-1);
    return found && `${found.reason}: ${found.message?.trim()}`;
  } catch {
    // Events only explain: an account that may not read them, or a server that went away, costs the explanation.
    signal.throwIfAborted();
    return undefined;
  }
}

function timeOf(event: {
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly metadata?: { readonly creationTimestamp?: string };
}): number {
  return Date.parse(event.lastTimestamp ?? event.eventTime ?? event.metadata?.creationTimestamp ?? "") || 0;
}

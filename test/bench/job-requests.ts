import { statSync } from "node:fs";
import { open } from "node:fs/promises";

/** One request of ours, as the API server's audit log has it. */
export interface AuditedRequest {
  /** Verb and resource, such as `create jobs` or `get pods/log`. */
  readonly what: string;
  /** When the API server had received it, in seconds since 1970. */
  readonly receivedAt: number;
}

/** The requests that the API server notes from now on, in the file of its audit log (JSON lines). */
export function watchAuditLog(file: string) {
  const from = statSync(file).size;
  return {
    /** What gpu-ci asked for in a namespace, each request once; the sweep of earlier runs' leftovers is left out. */
    requestsIn: async (namespace: string): Promise<AuditedRequest[]> => {
      const entries = (await readFrom(file, from)).filter(
        ({ userAgent, objectRef, requestURI = "" }) =>
          userAgent === "gpu-ci" && objectRef?.namespace === namespace && !requestURI.includes("managed-by"),
      );
      const distinct = new Map(entries.toReversed().map((entry) => [entry.auditID, entry]));
      return [...distinct.values()].toReversed().map(({ verb, objectRef, requestReceivedTimestamp = "" }) => ({
        what: [`${verb} ${objectRef?.resource}`, objectRef?.subresource].filter(Boolean).join("/"),
        receivedAt: secondsOf(requestReceivedTimestamp),
      }));
    },
  };
}

interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly requestURI?: string;
  readonly requestReceivedTimestamp?: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string };
}

async function readFrom(file: string, from: number): Promise<AuditEvent[]> {
  await using handle = await open(file);
  const { size } = await handle.stat();
  if (size < from) throw new Error(`${file} was rotated while it was watched.`);
  const { buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
  const lines = buffer.toString("utf8").split("\n");
  return lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line) as AuditEvent);
}

/** Date knows milliseconds only: `2026-11-21T02:56:51.048543Z`. */
function secondsOf(timestamp: string): number {
  const [whole = "", fraction = "0"] = timestamp.replace("Z", "").split(".");
  return Date.parse(`${whole}Z`) / 1000 + Number(`0.${fraction}`);
}

import { describeError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { createObject } from "../kubernetes/object.ts";
import { type ApiObject, events } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";

/** What happened to an object of ours, for `kubectl get events`. */
export interface RunnerEvent {
  readonly object: ApiObject;
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface EventDeps {
  readonly log: Log;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** Warns in the log and by an Event on the object. An Event that cannot be written is no reason to stop. */
export async function warnOn(
  cluster: Cluster,
  { object, reason, message }: RunnerEvent,
  deps: EventDeps,
): Promise<void> {
  deps.log.warning(message);
  const { name = "", namespace, uid } = object.metadata ?? {};
  const at = deps.now().toISOString();
  const involvedObject = {
    ...(object.apiVersion === undefined ? {} : { apiVersion: object.apiVersion }),
    ...(object.kind === undefined ? {} : { kind: object.kind }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    name,
  };
  try {
    await createObject(
      cluster,
      events,
      {
        metadata: { generateName: `${name.slice(0, 200)}.` },
        involvedObject,
        type: "Warning",
        reason,
        // The API takes no more.
        message: message.slice(0, 1024),
        source: { component: "gpu-ci-runners" },
        count: 1,
        firstTimestamp: at,
        lastTimestamp: at,
      },
      { signal: deps.signal },
    );
  } catch (error) {
    deps.log.debug(`No Event ${reason} on ${name}: ${describeError(error)}`);
  }
}

import type { Host } from "../host.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { deleteObject, getObject, listObjects, patchObject } from "../kubernetes/object.ts";
import type { ApiObject, Resource } from "../kubernetes/resource.ts";
import type { SwitchPosition } from "./drain-switch.ts";

/** A runner scale set of GitHub's Actions Runner Controller, as far as the switch is concerned. */
export interface ScaleSet extends ApiObject {
  readonly spec?: { readonly minRunners?: number | null; readonly maxRunners?: number | null };
}

interface EphemeralRunner extends ApiObject {
  readonly spec?: object;
}

const group = { group: "actions.github.com", version: "v1alpha1", namespaced: true } as const;
const scaleSets: Resource<ScaleSet> = { ...group, plural: "autoscalingrunnersets", kind: "AutoscalingRunnerSet" };
const ephemeralRunners: Resource<EphemeralRunner> = { ...group, plural: "ephemeralrunners", kind: "EphemeralRunner" };

/** What the scale set had before it was drained, as JSON. */
export const beforeAnnotation = "gpu-ci/runners-before";

/** A merge patch that brings a scale set to a position of the switch; undefined when it is there. */
export function scaleSetPatch({ metadata, spec }: ScaleSet, { state }: SwitchPosition): object | undefined {
  const before = metadata?.annotations?.[beforeAnnotation];
  const isClosed = spec?.minRunners === 0 && spec.maxRunners === 0;
  if (state === "Running") {
    if (before === undefined) return undefined;
    // Whoever set other values during the drain meant them.
    const restored = isClosed ? { spec: readBefore(before) } : {};
    return { metadata: { annotations: { [beforeAnnotation]: null } }, ...restored };
  }
  if (isClosed) return undefined;
  // Also after an upgrade that set its own values during the drain: these are what is restored then.
  const values = { minRunners: spec?.minRunners ?? null, maxRunners: spec?.maxRunners ?? null };
  return {
    metadata: { annotations: { [beforeAnnotation]: JSON.stringify(values) } },
    spec: { minRunners: 0, maxRunners: 0 },
  };
}

/** Brings the scale set to the position, and ends its runners when the drain's deadline has passed. Gives the number of those, if asked. */
export async function applyToScaleSet(
  cluster: Cluster,
  options: { readonly name: string; readonly position: SwitchPosition },
  { log, signal, now }: Pick<Host, "log" | "signal" | "now">,
): Promise<void> {
  const { name, position } = options;
  const scaleSet = await getObject(cluster, scaleSets, name, { signal });
  if (scaleSet === undefined) {
    log.debug(`There is no AutoscalingRunnerSet ${name} in ${cluster.namespace} yet.`);
    return;
  }
  const patch = scaleSetPatch(scaleSet, position);
  if (patch !== undefined) {
    await patchObject(cluster, scaleSets, name, { patch, signal });
    log.info(position.state === "Running" ? `Scale set ${name} runs again.` : `Scale set ${name} takes no new jobs.`);
  }
  if (position.endsAtMs === undefined || position.endsAtMs > now().getTime()) return;
  const labelSelector = `actions.github.com/scale-set-name=${name}`;
  const { items } = await listObjects(cluster, ephemeralRunners, { labelSelector, signal });
  for (const { metadata } of items.filter((runner) => runner.metadata?.deletionTimestamp === undefined)) {
    log.warning(`Runner ${metadata?.name} is ended: the drain's deadline has passed.`);
    await deleteObject(cluster, ephemeralRunners, metadata?.name ?? "", { signal });
  }
}

function readBefore(text: string): object {
  try {
    const { minRunners = null, maxRunners = null } = Object(JSON.parse(text));
    return { minRunners, maxRunners };
  } catch {
    return { minRunners: null, maxRunners: null };
  }
}

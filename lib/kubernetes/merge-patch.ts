type Json = Readonly<Record<string, unknown>>;

/**
 * Merges a patch into an object as Kubernetes' strategic merge does in its common cases: maps by key, lists of things with a name by that
 * name, other lists replaced, null removes. https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
 */
export function mergePatch<T extends object>(target: T, patch: Json): T {
  const merged: Record<string, unknown> = Object.fromEntries(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergeValue(merged[key], value);
  }
  return merged as T;
}

function mergeValue(current: unknown, value: unknown): unknown {
  if (isNamedList(value) && isNamedList(current)) return mergeNamed(current, value);
  if (isMap(value)) return mergePatch(isMap(current) ? current : {}, value);
  return value;
}

function mergeNamed(current: readonly Named[], patch: readonly Named[]): unknown[] {
  const changed = current.map((item) => {
    const change = patch.find(({ name }) => name === item.name);
    return change ? mergePatch(item, change) : item;
  });
  return [...changed, ...patch.filter(({ name }) => !current.some((item) => item.name === name))];
}

interface Named extends Json {
  readonly name: string;
}

function isNamedList(value: unknown): value is readonly Named[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => isMap(item) && typeof item.name === "string")
  );
}

function isMap(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "../../lib/kubernetes/client.ts";

type Schema = Readonly<Record<string, unknown>>;

interface Definition extends Schema {
  readonly "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
}

/**
 * Writes the cluster's own schemas of all kinds for kubeconform, strict ones: no property that it does not know. Gives the value of
 * kubeconform's option -schema-location.
 */
export async function writeKubernetesSchemas(cluster: Cluster, folder: string): Promise<string> {
  const { definitions } = await cluster.request<{ definitions: Record<string, Definition> }>({
    method: "GET",
    path: "/openapi/v2",
  });
  await mkdir(folder, { recursive: true });
  const strict = Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, close(name, schema)]));
  for (const [name, schema] of Object.entries(definitions)) {
    const kinds = schema["x-kubernetes-group-version-kind"] ?? [];
    // Options of requests carry every group.
    const [kind] = kinds;
    if (!kind || kinds.length > 1) continue;
    const file = `${kind.kind}-${kind.group.split(".")[0]}-${kind.version}.json`.toLowerCase().replace("--", "-");
    const used = reachable(strict, name);
    const document = { ...strict[name], definitions: Object.fromEntries([...used].map((key) => [key, strict[key]])) };
    await writeFile(join(folder, file), JSON.stringify(document));
  }
  return join(folder, "{{.ResourceKind}}{{.KindSuffix}}.json");
}

/** Types that are written in two ways are texts in the document; properties that are not named are not allowed. */
function close(name: string, schema: Schema): Schema {
  if (/\.(IntOrString|Quantity)$/.test(name)) return { type: ["string", "integer"] };
  if (!schema.properties || schema.additionalProperties) return schema;
  return { ...schema, additionalProperties: false };
}

function reachable(definitions: Readonly<Record<string, Schema>>, name: string, seen = new Set<string>()): Set<string> {
  for (const [, key = ""] of JSON.stringify(definitions[name]).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    if (seen.has(key)) continue;
    seen.add(key);
    reachable(definitions, key, seen);
  }
  return seen;
}

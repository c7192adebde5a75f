import type { LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import { silentLog } from "../../lib/log.ts";
import { listRepositories, listTags } from "../../lib/oci/registry-catalog.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";

const triedRepositories = 20;

/** Some image that the registry has, by digest and by the kubelet's name for the registry; undefined when there is none. */
export async function findProbeImage(
  { push, pull }: LocalRegistry,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string | undefined> {
  const retry = { attempts: 1, baseMs: 100, maxMs: 100 };
  using client = openRegistry({ registry: push, env, log: silentLog, retry, signal });
  for (const repository of (await listRepositories(client)).slice(0, triedRepositories)) {
    for (const tag of (await listTags(client, repository)).slice(0, 3)) {
      const found = await client.headManifest(repository, tag);
      if (found) return `${pull}/${repository}@${found.digest}`;
    }
  }
  return undefined;
}

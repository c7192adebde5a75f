import * as v from "valibot";
import { DomainError } from "../error.ts";
import { parseJson } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import { catalogScope, deleteScope, pullScope } from "./registry-scope.ts";

const catalogSchema = v.looseObject({ repositories: v.nullish(v.array(v.string())) });
const tagsSchema = v.looseObject({ tags: v.nullish(v.array(v.string())) });
const pageSize = 100;

/** Names of all repositories of a registry, emptied ones included. Throws DomainError `catalog-absent` where the registry does not list them. */
export async function listRepositories(client: RegistryClient): Promise<readonly string[]> {
  const pages = await readPages(client, `/v2/_catalog?n=${pageSize}`, catalogScope);
  if (pages === undefined) {
    throw new DomainError("catalog-absent", `Registry ${client.registry} does not list its repositories.`, {
      hint: "Hosted registries keep their catalog to themselves: use their own retention rules.",
    });
  }
  const names = pages.flatMap((page) => v.parse(catalogSchema, page).repositories ?? []);
  return [...new Set(names)].toSorted();
}

/** Tags of a repository; none for one that has no image any more. */
export async function listTags(client: RegistryClient, repository: string): Promise<readonly string[]> {
  const pages = await readPages(client, `/v2/${repository}/tags/list?n=${pageSize}`, pullScope(repository));
  const names = (pages ?? []).flatMap((page) => v.parse(tagsSchema, page).tags ?? []);
  return [...new Set(names)].toSorted();
}

/**
 * Deletes a manifest, and with it every tag of the repository that names it; its blobs stay until garbage is collected. False when it was
 * gone already. Throws DomainError `registry-delete-disabled` where the registry is not configured to delete.
 */
export async function deleteManifest(client: RegistryClient, repository: string, digest: string): Promise<boolean> {
  const { status } = await client.ask(`delete ${repository}@${digest}`, {
    method: "DELETE",
    target: `/v2/${repository}/manifests/${digest}`,
    scopes: [deleteScope(repository)],
    expected: [202, 200, 404, 405],
  });
  if (status !== 405) return status !== 404;
  throw new DomainError("registry-delete-disabled", `Registry ${client.registry} does not delete images (HTTP 405).`, {
    hint: "Set storage.delete.enabled to true in its configuration, or REGISTRY_STORAGE_DELETE_ENABLED=true in its environment, and restart it.",
  });
}

// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags: further pages are named by Link headers.
async function readPages(client: RegistryClient, first: string, scope: string): Promise<unknown[] | undefined> {
  const pages: unknown[] = [];
  let target: string | undefined = first;
  const seen = new Set<string>();
  while (target !== undefined && !seen.has(target)) {
    seen.add(target);
    const request = { method: "GET", target, scopes: [scope], expected: [200, 404] } as const;
    const { status, headers, bytes } = await client.ask(`list ${target}`, request);
    if (status === 404) return pages.length === 0 ? undefined : pages;
    pages.push(parseJson(bytes, `${client.registry}${target}`));
    target = nextPage(headers.link, target);
  }
  return pages;
}

function nextPage(link: string | readonly string[] | undefined, current: string): string | undefined {
  const [, next] = /<([^>]+)>\s*;\s*rel="?next"?/.exec([link ?? ""].flat().join(", ")) ?? [];
  if (next === undefined) return undefined;
  // A registry behind a proxy names itself as it is called there: only the path counts.
  const base = new URL(current, "http://registry");
  const { pathname, search } = new URL(next, base);
  return pathname + search;
}

import pLimit from "p-limit";
import * as v from "valibot";
import { DomainError } from "../error.ts";
import { type Descriptor, parseJson } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import { catalogScope } from "./registry-scope.ts";

const catalogSchema = v.looseObject({ repositories: v.nullish(v.array(v.string())) });
// Less is sent sooner than it is looked for.
const worthBytes = 8_000_000;
const maxRepositories = 32;
const maxSearches = 4;

/**
 * Finds other repositories of the same registry that hold blobs, so that they can be mounted instead of sent: the largest blobs are looked for in the
 * repositories that the registry lists, the others where one of those was found. Gives repositories by digest; nothing where a registry lists none.
 */
export async function findElsewhere(
  client: RegistryClient,
  repository: string,
  blobs: readonly Descriptor[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const large = blobs.filter(({ size }) => size >= worthBytes).toSorted((a, b) => b.size - a.size);
  if (large.length === 0) return found;
  const others = await listOthers(client, repository);
  for (const blob of large.slice(0, others.length === 0 ? 0 : maxSearches)) {
    const known = new Set(found.values());
    const place = (await findIn(client, [...known], blob)) ?? (await findIn(client, others, blob));
    if (place !== undefined) found.set(blob.digest, place);
  }
  const known = [...new Set(found.values())];
  const rest = blobs.filter(({ digest }) => known.length > 0 && !found.has(digest));
  await Promise.all(
    rest.map(async (blob) => {
      const place = await findIn(client, known, blob);
      if (place !== undefined) found.set(blob.digest, place);
    }),
  );
  return found;
}

// Repositories of the same team first: they share the most.
async function listOthers(client: RegistryClient, repository: string): Promise<readonly string[]> {
  const refused = [400, 401, 403, 404, 405, 429, 500, 501, 502, 503, 504];
  try {
    const target = "/v2/_catalog?n=100";
    const request = { method: "GET", target, scopes: [catalogScope], expected: [200, ...refused] } as const;
    const { status, bytes } = await client.ask("list its repositories", request);
    if (status !== 200) return [];
    const { repositories } = v.parse(catalogSchema, parseJson(bytes, `${client.registry}${target}`));
    const [team] = repository.split("/");
    const isNear = (name: string) => Number(name.split("/")[0] === team);
    return (repositories ?? [])
      .filter((name) => name !== repository)
      .toSorted((a, b) => isNear(b) - isNear(a))
      .slice(0, maxRepositories);
  } catch (error) {
    // Whatever this question meets, sending the blob is the answer.
    if (error instanceof DomainError || error instanceof v.ValiError) return [];
    throw error;
  }
}

async function findIn(
  client: RegistryClient,
  repositories: readonly string[],
  { digest, size }: Descriptor,
): Promise<string | undefined> {
  const limit = pLimit(16);
  const holds = async (name: string) => {
    const stored = await client.headBlob(name, digest, "brief").catch((error: unknown) => {
      if (error instanceof DomainError) return undefined;
      throw error;
    });
    return stored?.size === size;
  };
  const answers = await Promise.all(repositories.map((name) => limit(() => holds(name))));
  return repositories[answers.indexOf(true)];
}

import { DomainError } from "../error.ts";
import type { Exec } from "../exec.ts";
import type { Log } from "../log.ts";
import { isLoopback } from "../oci/loopback.ts";
import { parseReference } from "../oci/reference.ts";
import { openRegistry } from "../oci/registry-client.ts";
import type { BaseImage } from "./inputs-hash.ts";

export interface ResolveDeps {
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Finds the digest that each reference stands for at this moment. One whose registry cannot be asked keeps an undefined digest and is named in a
 * warning; one that its registry does not have is DomainError `base-image-absent`, before a build starts.
 */
export async function resolveBases(references: readonly string[], deps: ResolveDeps): Promise<readonly BaseImage[]> {
  return Promise.all(references.map(async (reference) => ({ reference, digest: await resolve(reference, deps) })));
}

/** The loopback registries among the references: no builder but BuildKit speaks plain HTTP to them unasked. */
export function loopbackRegistries(references: readonly string[]): readonly string[] {
  const registries = references.map((reference) => parseReference(reference)?.registry ?? "");
  return [...new Set(registries.filter((registry) => registry !== "" && isLoopback(registry)))];
}

async function resolve(reference: string, deps: ResolveDeps): Promise<string | undefined> {
  const parsed = parseReference(reference);
  if (!parsed || parsed.digest !== undefined) return parsed?.digest;
  using client = openRegistry({
    registry: parsed.registry,
    ...deps,
    retry: { attempts: 3, baseMs: 300, maxMs: 2000 },
    deadlines: { connectMs: 5000, responseMs: 15_000 },
  });
  try {
    const found = await client.headManifest(parsed.repository, parsed.tag ?? "latest");
    if (found) return found.digest;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const why = error.message.replace(/\.$/, "");
    deps.log.warning(`The digest of base image ${reference} is not known: ${why}. Its name counts instead.`);
    return undefined;
  }
  // Names that Docker Hub would get may stand for an image of the builder's own storage.
  if (parsed.registry === "docker.io" || parsed.registry === "localhost") return undefined;
  throw new DomainError("base-image-absent", `Base image ${reference} is not in registry ${parsed.registry}.`, {
    hint: "Push it there first, or correct FROM or the build argument that names it.",
  });
}

import { InputError } from "../error.ts";
import type { Builder } from "./builder.ts";

interface Caches {
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
}

/**
 * Puts the cache beside the image, in the builder's own words, where a cache is just named `registry`: with BuildKit all layers of all
 * stages (mode=max) as zstd. Throws InputError when it is not known which registry the image belongs to.
 */
export function namedCaches(
  builder: Builder["name"],
  { cacheFrom, cacheTo }: Caches,
  home: string | undefined,
): Caches {
  const name = (input: string, caches: readonly string[], own: (repository: string) => string) =>
    caches.map((cache) => {
      if (cache !== "registry") return cache;
      if (home !== undefined) return own(home);
      throw new InputError(
        input,
        cache,
        "a cache in the builder's own words",
        "No registry is known that could keep it.",
      );
    });
  if (builder === "buildah") {
    const repository = (image: string) => `${image}/cache`;
    return { cacheFrom: name("cache-from", cacheFrom, repository), cacheTo: name("cache-to", cacheTo, repository) };
  }
  const source = (image: string) => `type=registry,ref=${image}/cache:buildkit`;
  const target = (image: string) =>
    `${source(image)},mode=max,compression=zstd,force-compression=true,oci-mediatypes=true,image-manifest=true`;
  return { cacheFrom: name("cache-from", cacheFrom, source), cacheTo: name("cache-to", cacheTo, target) };
}

import { InputError } from "../error.ts";
import { isTag, parseNamed } from "./reference.ts";

/** Under which names an image is to be stored; the registry is chosen elsewhere. */
export interface TargetName {
  /** Undefined when neither image nor tags name one. */
  readonly repository: string | undefined;
  readonly tags: readonly string[];
}

/**
 * Reads the inputs `image` (a repository, a tag may follow) and `tags` (tags, or full names `repository:tag` of that repository).
 * A registry in a name is left out: where to push is the input `registry`'s to say. Throws InputError.
 */
export function readTargetName(image: string | undefined, tags: readonly string[]): TargetName {
  const named = image === undefined ? undefined : parseNamed(image);
  if (image !== undefined && !named)
    throw new InputError("image", image, "a repository such as acme/base, in lower case");
  let repository = named?.repository;
  const bare = new Set(named?.tag === undefined ? [] : [named.tag]);
  for (const entry of tags) {
    const full = isTag(entry) ? undefined : parseNamed(entry);
    const tag = full ? full.tag : entry;
    if (tag === undefined || !isTag(tag)) {
      throw new InputError(
        "tags",
        entry,
        "tags of letters, digits, _, . and -, at most 128 long, or full names REPOSITORY:TAG",
      );
    }
    if (full && repository !== undefined && full.repository !== repository) {
      throw new InputError("tags", entry, `names of the repository ${repository}`);
    }
    repository ??= full?.repository;
    bare.add(tag);
  }
  return { repository, tags: [...bare] };
}

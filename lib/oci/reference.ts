/** Where an image is: `registry/repository[:tag][@digest]`. */
export interface OciReference {
  /** `host[:port]`; `docker.io` where the text names none. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const hostComponent = "(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)";
const registryPattern = new RegExp(
  `^(?:${hostComponent}(?:\\.${hostComponent})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`,
);
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/**
 * Parses a reference by the grammar of the distribution project, Docker Hub's short names included (`ubuntu` is
 * `docker.io/library/ubuntu`); undefined when the text is none. https://pkg.go.dev/github.com/distribution/reference
 */
export function parseReference(text: string): OciReference | undefined {
  const named = parseNamed(text);
  if (!named) return undefined;
  if (named.registry !== undefined) return { ...named, registry: named.registry };
  const repository = named.repository.includes("/") ? named.repository : `library/${named.repository}`;
  return { ...named, registry: "docker.io", repository };
}

/** Parses a reference whose registry may be left out, and is not filled in then. */
export function parseNamed(
  text: string,
): (Omit<OciReference, "registry"> & { readonly registry: string | undefined }) | undefined {
  if (text.length > 600) return undefined;
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const rest = at < 0 ? text : text.slice(0, at);
  const colon = rest.lastIndexOf(":");
  const hasTag = colon > rest.lastIndexOf("/") && !isHostAlone(rest);
  const tag = hasTag ? rest.slice(colon + 1) : undefined;
  const { registry, repository } = splitRegistry(hasTag ? rest.slice(0, colon) : rest);
  if (registry !== undefined && !isRegistry(registry)) return undefined;
  if (!isRepository(repository)) return undefined;
  if (tag !== undefined && !isTag(tag)) return undefined;
  if (digest !== undefined && !isDigest(digest)) return undefined;
  return { registry, repository, tag, digest };
}

/** The text of a reference, the registry always included. */
export function formatReference(reference: OciReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** Whether the text is a registry's `host[:port]`. */
export function isRegistry(text: string): boolean {
  return text.length <= 261 && registryPattern.test(text);
}

/** Whether the text is a repository's name without a registry, tag or digest. */
export function isRepository(text: string): boolean {
  return text.length <= 255 && repositoryPattern.test(text);
}

/** Whether the text may be an image's tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Whether the text is a digest whose algorithm the OCI image specification registers. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

function isHostAlone(text: string): boolean {
  return text.startsWith("[") && !text.includes("/");
}

// The first component is a host when it cannot be part of a repository's name, or is `localhost`: Docker's rule.
function splitRegistry(name: string): { registry: string | undefined; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, slash);
  const isHost = slash > 0 && (/[.:[A-Z]/.test(first) || first === "localhost");
  return isHost ? { registry: first, repository: name.slice(slash + 1) } : { registry: undefined, repository: name };
}

/** What a token must allow to read a repository. https://distribution.github.io/distribution/spec/auth/scope/ */
export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/** What a token must allow to write to a repository. */
export function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}

/** What a token must allow to delete from a repository. */
export function deleteScope(repository: string): string {
  return `repository:${repository}:delete`;
}

/** What a token must allow to list the repositories of a registry. */
export const catalogScope = "registry:catalog:*";

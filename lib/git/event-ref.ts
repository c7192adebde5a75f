/** What the event that started a run is about, as far as the environment of a step says it. */
export interface EventRef {
  readonly branch: string | undefined;
  readonly tag: string | undefined;
}

/**
 * Reads branch and tag of the event: a pull request's head branch, the pushed branch (a merge queue's own branch included), or the
 * tag. Forges other than GitHub leave some of these variables out, so each falls back to the next.
 */
export function readEventRef(env: NodeJS.ProcessEnv): EventRef {
  const ref = env.GITHUB_REF ?? "";
  const tag = afterPrefix(ref, "refs/tags/") ?? (env.GITHUB_REF_TYPE === "tag" ? env.GITHUB_REF_NAME : undefined);
  if (tag) return { branch: undefined, tag };
  const branch =
    env.GITHUB_HEAD_REF ||
    afterPrefix(ref, "refs/heads/") ||
    env.GITHUB_REF_NAME ||
    afterPrefix(ref, "refs/") ||
    undefined;
  return { branch, tag: undefined };
}

function afterPrefix(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

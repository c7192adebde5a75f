/** Whether a path relative to the context (with `/`, without a leading one) is matched. */
export type PathMatcher = (path: string) => boolean;

/**
 * Matches as .dockerignore does: a pattern also matches everything below what it names, `**` crosses folders, a pattern with `!` takes
 * back, and the last one that matches decides (https://docs.docker.com/build/concepts/context/#dockerignore-files).
 */
export function createPathMatcher(patterns: readonly string[]): PathMatcher {
  const rules = patterns
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== "" && !pattern.startsWith("#"))
    .map((pattern) => {
      const negated = pattern.startsWith("!");
      return { negated, expression: toRegExp(negated ? pattern.slice(1) : pattern) };
    });
  return (path) => {
    let matched = false;
    for (const { negated, expression } of rules) {
      if (matched === negated && expression.test(path)) matched = !negated;
    }
    return matched;
  };
}

function toRegExp(pattern: string): RegExp {
  const path = pattern
    .trim()
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
  if (path === "") return /^/;
  let source = "";
  for (let at = 0; at < path.length; ) {
    const token = /^(?:\*\*\/|\*\*|\*|\?|\[[^\]]+\]|\\.|[\s\S])/.exec(path.slice(at))?.[0] ?? path.charAt(at);
    source += toSource(token);
    at += token.length;
  }
  return new RegExp(`^${source}(?:/|$)`, "s");
}

function toSource(token: string): string {
  if (token === "**/") return "(?:.*/)?";
  if (token === "**") return ".*";
  if (token === "*") return "[^/]*";
  if (token === "?") return "[^/]";
  if (token.startsWith("[") && token.length > 2) return token.replace(/^\[!/, "[^").replaceAll("\\", "\\\\");
  const literal = token.startsWith("\\") && token.length === 2 ? token.slice(1) : token;
  return literal.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

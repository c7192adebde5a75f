/** A request to the API server, as its authorizer sees it. */
export interface ApiQuestion {
  readonly verb: string;
  /** With its group and subresource: `jobs.batch`, `pods/exec`. */
  readonly resource: string;
  /** Empty for requests to all namespaces and to what has none. */
  readonly namespace: string;
  readonly name: string;
}

/** Reads a request line as https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb says. */
export function parseQuestion(method: string, url: string): ApiQuestion {
  const { pathname, searchParams } = new URL(url, "http://api");
  const pattern =
    /^\/(?:api|apis\/(?<group>[^/]+))\/v[^/]+(?:\/namespaces\/(?<namespace>[^/]+)(?=\/))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>[^/]+)(?:\/.*)?)?$/;
  const { group, namespace = "", plural = pathname, name = "", sub } = pattern.exec(pathname)?.groups ?? {};
  const read = name === "" ? (searchParams.get("watch") === null ? "list" : "watch") : "get";
  const verbs: Readonly<Record<string, string>> = {
    GET: read,
    POST: "create",
    PUT: "update",
    PATCH: "patch",
    DELETE: "delete",
  };
  const resource = `${plural}${group ? `.${group}` : ""}${sub ? `/${sub}` : ""}`;
  return { verb: verbs[method] ?? method, resource, namespace, name };
}

/** A right of the API: what may be done to which resource, in one namespace or everywhere. */
export interface Right {
  readonly group: string;
  /** With its subresource, as in `pods/log`. */
  readonly resource: string;
  readonly verbs: readonly string[];
}

/** The Role of interfaces.md 5: what the actions ask of the namespace that tests run in. */
export const roleRights: readonly Right[] = [
  { group: "batch", resource: "jobs", verbs: ["create", "delete", "get", "list"] },
  { group: "", resource: "pods", verbs: ["list", "watch"] },
  { group: "", resource: "pods/log", verbs: ["get"] },
  { group: "", resource: "pods/exec", verbs: ["create", "get"] },
  { group: "", resource: "secrets", verbs: ["create", "delete", "get", "list", "patch"] },
  { group: "", resource: "events", verbs: ["list"] },
];

/** What the Role may give besides: with it files of 64 MiB and more come back faster. */
export const proxyRight: Right = { group: "", resource: "pods/proxy", verbs: ["get"] };

/** The ClusterRole gpu-ci-observer: without it a test that waits cannot be told why. */
export const observerRights: readonly Right[] = [
  { group: "", resource: "nodes", verbs: ["get", "list", "watch"] },
  { group: "", resource: "pods", verbs: ["get", "list", "watch"] },
];

/** The right to be told which registry the cluster has, by KEP-1755; in namespace kube-public. */
export const hostingAccess = {
  group: "",
  resource: "configmaps",
  verb: "get",
  name: "local-registry-hosting",
} as const;

/** Writes rights as people read them: `jobs.batch: create, delete; pods/exec: create`. */
export function formatRights(rights: readonly Right[]): string {
  return rights
    .map(({ group, resource, verbs }) => `${resource}${group === "" ? "" : `.${group}`}: ${verbs.join(", ")}`)
    .join("; ");
}

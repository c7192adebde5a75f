import type {
  CoreV1Event,
  KubernetesObject,
  V1ConfigMap,
  V1DaemonSet,
  V1Deployment,
  V1Job,
  V1Namespace,
  V1Node,
  V1Pod,
  V1Secret,
  V1SelfSubjectAccessReview,
  V1Service,
} from "@kubernetes/client-node";

/** An object as the API sends it: client-node types times as Date, but JSON carries them as RFC 3339 text. */
export type Plain<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? Plain<U>[]
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T;

/** What every object has. */
export type ApiObject = Plain<KubernetesObject>;

export type Pod = Plain<V1Pod>;
export type Job = Plain<V1Job>;
export type Secret = Plain<V1Secret>;
export type ConfigMap = Plain<V1ConfigMap>;
export type Node = Plain<V1Node>;
export type Event = Plain<CoreV1Event>;
export type Service = Plain<V1Service>;
export type Namespace = Plain<V1Namespace>;
export type Deployment = Plain<V1Deployment>;
export type DaemonSet = Plain<V1DaemonSet>;
export type SelfSubjectAccessReview = Plain<V1SelfSubjectAccessReview>;

/** One kind of object that the API serves, and where it serves it. */
export interface Resource<T extends ApiObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set: it carries the type of the objects to the functions that take a resource. */
  readonly object?: T;
}

export const pods: Resource<Pod> = coreResource("pods", "Pod");
export const secrets: Resource<Secret> = coreResource("secrets", "Secret");
export const configMaps: Resource<ConfigMap> = coreResource("configmaps", "ConfigMap");
export const nodes: Resource<Node> = { ...coreResource("nodes", "Node"), namespaced: false };
export const events: Resource<Event> = coreResource("events", "Event");
export const services: Resource<Service> = coreResource("services", "Service");
export const namespaces: Resource<Namespace> = { ...coreResource("namespaces", "Namespace"), namespaced: false };
export const jobs: Resource<Job> = groupResource("batch", "jobs", "Job");
export const deployments: Resource<Deployment> = groupResource("apps", "deployments", "Deployment");
export const daemonSets: Resource<DaemonSet> = groupResource("apps", "daemonsets", "DaemonSet");
export const selfSubjectAccessReviews: Resource<SelfSubjectAccessReview> = {
  ...groupResource("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
  namespaced: false,
};

/** The `apiVersion` of a resource's objects. */
export function apiVersionOf(resource: Resource<ApiObject>): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** Where a resource is served: the collection, or one object of it. `namespace` undefined means all of them. */
export function resourcePath(resource: Resource<ApiObject>, namespace: string | undefined, name?: string): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${resource.plural}${object}`;
}

function coreResource(plural: string, kind: string) {
  return { group: "", version: "v1", plural, kind, namespaced: true } as const;
}

function groupResource(group: string, plural: string, kind: string) {
  return { group, version: "v1", plural, kind, namespaced: true } as const;
}

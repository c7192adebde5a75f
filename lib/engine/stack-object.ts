import type { ManifestObject } from "../kubernetes/manifest.ts";
import type { ApiObject } from "../kubernetes/resource.ts";

/** What every object of a stack carries. */
export interface StackMarks {
  /** Name of the stack's Secret, and the value of the label `gpu-ci/stack`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Label of everything that a stack consists of, its pods included. */
export const stackLabel = "gpu-ci/stack";

type Json = Readonly<Record<string, unknown>>;

const first = [
  "ResourceQuota",
  "LimitRange",
  "NetworkPolicy",
  "ServiceAccount",
  "Role",
  "RoleBinding",
  "Secret",
  "ConfigMap",
  "PersistentVolumeClaim",
  "Service",
];
const last = ["Pod", "ReplicationController", "ReplicaSet", "StatefulSet", "DaemonSet", "Deployment", "Job", "CronJob"];

/** Orders objects by what needs what, as helm does; those of one kind stay in the order of the manifests. */
export function inKindOrder<T extends { readonly kind: string }>(objects: readonly T[]): readonly T[] {
  const rank = ({ kind }: T) => (first.includes(kind) ? first.indexOf(kind) : first.length + 1 + last.indexOf(kind));
  return objects.toSorted((a, b) => rank(a) - rank(b));
}

/** The object with our marks on it and on the pods that it makes, which end in seconds and see no token unless the manifest says otherwise. */
export function markObject(object: ManifestObject, marks: StackMarks): ManifestObject & ApiObject {
  const marked = { ...object, metadata: markMetadata(object.metadata, marks) };
  const spec = mapOf(object.spec);
  if (object.kind === "Pod") return { ...marked, spec: podDefaults(spec) };
  if (object.kind === "CronJob") {
    const jobTemplate = mapOf(spec.jobTemplate);
    return {
      ...marked,
      spec: { ...spec, jobTemplate: { ...jobTemplate, spec: markPods(mapOf(jobTemplate.spec), marks) } },
    };
  }
  if (!last.includes(object.kind)) return marked;
  const claims = Array.isArray(spec.volumeClaimTemplates)
    ? { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" } }
    : {};
  return { ...marked, spec: { ...claims, ...markPods(spec, marks) } };
}

function markPods(spec: Json, marks: StackMarks): Json {
  const template = mapOf(spec.template);
  const metadata = markMetadata(mapOf(template.metadata), marks);
  return { ...spec, template: { ...template, metadata, spec: podDefaults(mapOf(template.spec)) } };
}

function markMetadata<T extends object>(metadata: T, { name, labels, annotations }: StackMarks) {
  const given = metadata as { labels?: Record<string, string>; annotations?: Record<string, string> };
  return {
    ...metadata,
    labels: { ...given.labels, ...labels, [stackLabel]: name },
    annotations: { ...given.annotations, ...annotations },
  };
}

function podDefaults(spec: Json): Json {
  const token = spec.serviceAccountName === undefined ? { automountServiceAccountToken: false } : {};
  return { terminationGracePeriodSeconds: 3, ...token, ...spec };
}

function mapOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

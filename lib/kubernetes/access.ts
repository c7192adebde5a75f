import type { V1SelfSubjectReview, V1SelfSubjectRulesReview } from "@kubernetes/client-node";
import type { Cluster } from "./client.ts";
import { createObject } from "./object.ts";
import { type Plain, type Resource, selfSubjectAccessReviews } from "./resource.ts";

/** One thing that an account may or may not do. */
export interface Access {
  /** Empty for the core group. */
  readonly group: string;
  /** With its subresource, as in `pods/log`. */
  readonly resource: string;
  readonly verb: string;
  /** One object alone; default is any. */
  readonly name?: string;
}

const rulesReviews: Resource<Plain<V1SelfSubjectRulesReview>> = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "selfsubjectrulesreviews",
  kind: "SelfSubjectRulesReview",
  namespaced: false,
};

const subjectReviews: Resource<Plain<V1SelfSubjectReview>> = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "selfsubjectreviews",
  kind: "SelfSubjectReview",
  namespaced: false,
};

/** The name under which the API server knows this account. */
export async function findUserName(cluster: Cluster, signal: AbortSignal): Promise<string> {
  const review = await createObject(cluster, subjectReviews, {}, { signal });
  return review.status?.userInfo?.username ?? "unknown";
}

/**
 * What of `wanted` this account is refused in a namespace. One question answers for all rules of RBAC; what they do not grant is asked
 * one by one, because another authorizer (a webhook, the node's) may grant it still.
 */
export async function listDenied<T extends Access>(
  cluster: Cluster,
  wanted: readonly T[],
  options: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<readonly T[]> {
  const { namespace, signal } = options;
  const review = await createObject(cluster, rulesReviews, { spec: { namespace } } as Plain<V1SelfSubjectRulesReview>, {
    signal,
  });
  const rules = review.status?.resourceRules ?? [];
  const unsure = wanted.filter((access) => !rules.some((rule) => grants(rule, access)));
  return await refused(cluster, unsure, options);
}

/** What of `wanted` this account is refused, where `namespace` undefined means in the cluster as a whole. */
export async function refused<T extends Access>(
  cluster: Cluster,
  wanted: readonly T[],
  { namespace, signal }: { readonly namespace?: string; readonly signal: AbortSignal },
): Promise<readonly T[]> {
  const answers = await Promise.all(
    wanted.map(async (access) => {
      const [resource = "", subresource = ""] = access.resource.split("/");
      const { group, verb, name } = access;
      const resourceAttributes = {
        group,
        resource,
        subresource,
        verb,
        ...(namespace ? { namespace } : {}),
        ...(name ? { name } : {}),
      };
      const review = await createObject(
        cluster,
        selfSubjectAccessReviews,
        { spec: { resourceAttributes } },
        { signal },
      );
      return review.status?.allowed === true;
    }),
  );
  return wanted.filter((_access, index) => answers[index] !== true);
}

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

function grants(rule: Rule, { group, resource, verb }: Access): boolean {
  const subresource = resource.split("/")[1];
  const resources = [resource, "*", ...(subresource === undefined ? [] : [`*/${subresource}`])];
  return (
    // A rule for some names only is not a right to the resource.
    (rule.resourceNames ?? []).length === 0 &&
    rule.verbs.some((word) => word === verb || word === "*") &&
    (rule.apiGroups ?? []).some((word) => word === group || word === "*") &&
    (rule.resources ?? []).some((word) => resources.includes(word))
  );
}

import { beforeAll, describe, expect, it } from "vitest";
import { prepareTimeoutMs, prepareTools } from "../../support/prepare-tools.ts";
import { leastValues, manifestOf, renderChart } from "../../support/runner-chart.ts";

beforeAll(() => prepareTools("helm"), prepareTimeoutMs);

describe("jobs.stacks", () => {
  it("adds one Role in the jobs' namespace, for the runners' account, that makes and deletes and changes nothing", async () => {
    const [without, manifests] = await Promise.all([
      renderChart(leastValues),
      renderChart({ ...leastValues, jobs: { stacks: true } }),
    ]);
    const name = ({ kind, metadata }: (typeof manifests)[number]) => `${kind} ${metadata.namespace}/${metadata.name}`;
    const before = new Set(without.map(name));
    expect(manifests.map(name).filter((one) => !before.has(one))).toEqual([
      "Role ci-jobs/gpu-ci-stacks",
      "RoleBinding ci-jobs/gpu-ci-stacks",
    ]);
    const { rules } = manifestOf(manifests, "Role", "gpu-ci-stacks");
    expect([...new Set(rules?.flatMap(({ verbs }) => verbs))]).toEqual(["create", "delete", "get"]);
    expect(
      rules?.flatMap(({ apiGroups, resources }) => resources.map((resource) => `${resource}.${apiGroups[0]}`)),
    ).toEqual([
      "configmaps.",
      "persistentvolumeclaims.",
      "pods.",
      "replicationcontrollers.",
      "serviceaccounts.",
      "services.",
      "daemonsets.apps",
      "deployments.apps",
      "replicasets.apps",
      "statefulsets.apps",
      "cronjobs.batch",
    ]);
    expect(manifestOf(manifests, "RoleBinding", "gpu-ci-stacks")).toMatchObject({
      roleRef: { kind: "Role", name: "gpu-ci-stacks" },
      subjects: [{ kind: "ServiceAccount", name: "gpu-ci-runner", namespace: "ci" }],
    });
  });
});

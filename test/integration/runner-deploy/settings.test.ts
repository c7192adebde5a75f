import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { prepareTimeoutMs, prepareTools } from "../../support/prepare-tools.ts";
import {
  allValues,
  leastValues,
  type Manifest,
  manifestOf,
  renderChart,
  runnerChart,
} from "../../support/runner-chart.ts";

beforeAll(() => prepareTools("helm"), prepareTimeoutMs);

describe("the settings that the runners' chart passes on", () => {
  it("are the controller's file", async () => {
    const manifests = await renderChart({
      ...allValues,
      runner: { ...Object(leastValues.runner), env: { A: "1" }, nodeSelector: { "gpu-ci/runners": "yes" } },
    });
    expect(parse(manifestOf(manifests, "ConfigMap", "gpu-ci-config").data?.["runners.yaml"] ?? "")).toEqual({
      release: "gpu-ci",
      namespace: "ci",
      jobsNamespace: "ci-jobs",
      mode: "plain",
      drainConfigMap: "gpu-ci-runners",
      forge: { kind: "github", url: "https://github.com", scope: "org:acme" },
      replicas: 2,
      labels: ["self-hosted", "gpu"],
      runner: {
        image: Object(leastValues.runner).image,
        serviceAccount: "gpu-ci-runner",
        kubeconfig: "gpu-ci-kubeconfig",
        env: { A: "1", BUILDKIT_HOST: "tcp://gpu-ci-buildkitd:1234" },
        resources: { requests: { cpu: "500m", memory: "512Mi" }, limits: { cpu: "4", memory: "4Gi" } },
        nodeSelector: { "gpu-ci/runners": "yes" },
        tolerations: [],
        imagePullSecrets: [],
        runtimeClass: "",
        workSize: "20Gi",
        activeDeadline: "6h",
        podPatch: {},
      },
    });
  });

  it("are a new pod of the controller when they change", async () => {
    const checksum = (manifests: readonly Manifest[]) =>
      Object(manifestOf(manifests, "Deployment", "gpu-ci-controller").spec).template.metadata.annotations[
        "checksum/config"
      ];
    const [first, again, changed] = [
      await renderChart(leastValues),
      await renderChart(leastValues),
      await renderChart({ ...leastValues, replicas: 3 }),
    ].map(checksum);
    expect(again).toBe(first);
    expect(changed).not.toBe(first);
  });

  it("are all named in the README", () => {
    const readme = readFileSync(join(runnerChart, "README.md"), "utf8");
    const values = parse(readFileSync(join(runnerChart, "values.yaml"), "utf8")) as object;
    expect(Object.keys(values).filter((name) => !readme.includes(`\`${name}`))).toEqual([]);
  });
});

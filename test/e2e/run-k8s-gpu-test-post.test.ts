import { beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/run-k8s-gpu-test/inputs.ts";
import { removeLeftovers } from "../../actions/run-k8s-gpu-test/remove-leftovers.ts";
import { runK8sGpuTest } from "../../actions/run-k8s-gpu-test/run-k8s-gpu-test.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { jobs } from "../../lib/kubernetes/resource.ts";
import { actionInput } from "../support/action-input.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost } from "../support/test-host.ts";

let real: RealCluster;
let image: string;
beforeAll(async () => {
  real = await openRealCluster("gpu-post");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  return () => real[Symbol.asyncDispose]();
});

describe("a step of a workflow", () => {
  it.each(["", "TOKEN=a-secret-value"])(
    "ends with its verdict, and its post step with a clean cluster (secret-env %j)",
    async (secretEnv) => {
      const given = { image, namespace: real.namespace, command: "exit 3", gpus: "0", "secret-env": secretEnv };
      await using _warm = await runGpuTest({ inputs: given });
      const before = await snapshotCluster(real.cluster, { onlyNamespace: true });
      await using host = createTestHost();
      const state = { ...host.state, hasPost: true };
      const inputs = readInputs(actionInput("run-k8s-gpu-test", { ...given, "working-directory": host.tempDirectory }));

      const { conclusion, stepExitCode } = await runK8sGpuTest(inputs, { ...host, state });
      const { items } = await listObjects(real.cluster, jobs);
      expect([conclusion, stepExitCode, items]).toEqual(["failure", 1, []]);

      await removeLeftovers(() => inputs, { ...host, state });
      expect(await snapshotCluster(real.cluster, { onlyNamespace: true })).toEqual(before);
    },
  );
});

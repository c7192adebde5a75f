import { describe, expect, it } from "vitest";
import { testJob, testSecret } from "../../../../lib/engine/kubernetes-job.ts";
import { wrapperScript } from "../../../../lib/engine/wrapper.ts";
import { testPodOf } from "../../../support/test-pod.ts";

const specOf = (...args: Parameters<typeof testPodOf>) => {
  const spec = testJob(testPodOf(...args)).spec?.template.spec;
  if (!spec) throw new Error("no pod spec");
  return spec;
};

describe("testJob", () => {
  it("makes one pod, tries once, and is removed by the cluster in the end", () => {
    const { spec, metadata } = testJob(testPodOf());
    expect(metadata?.labels).toEqual({ "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": "1-1" });
    expect({ ...spec, template: undefined }).toEqual({
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: 690,
      ttlSecondsAfterFinished: 600,
      template: undefined,
    });
  });

  it("makes an Indexed Job of shards, each of which fails alone and knows its index", () => {
    const { spec } = testJob(testPodOf({ shards: 3, gpus: 1 }));
    expect({ ...spec, template: undefined }).toEqual({
      completionMode: "Indexed",
      backoffLimitPerIndex: 0,
      completions: 3,
      parallelism: 3,
      activeDeadlineSeconds: 2070,
      ttlSecondsAfterFinished: 600,
      template: undefined,
    });
    const env = spec?.template.spec?.containers[0]?.env;
    const fieldPath = "metadata.annotations['batch.kubernetes.io/job-completion-index']";
    expect(env).toContainEqual({ name: "GPU_CI_SHARD", valueFrom: { fieldRef: { fieldPath } } });
    expect(env).toContainEqual({ name: "GPU_CI_SHARDS", value: "3" });
    expect(specOf().containers[0]?.env).toContainEqual({ name: "GPU_CI_SHARD", value: "0" });
  });

  it("runs the command under the wrapper, without a token and without privileges", () => {
    const spec = specOf();
    const wrapper = ["/bin/sh", "-c", wrapperScript.replaceAll("$", "$$$$"), "gpu-ci"];
    expect(spec.containers[0]?.command).toEqual([...wrapper, "/bin/sh", "-c", "make test", "sh"]);
    expect(spec.volumes?.filter(({ secret }) => secret)).toEqual([]);
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.terminationGracePeriodSeconds).toBe(3);
    expect(spec.containers[0]?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(spec.initContainers).toBeUndefined();
  });

  it("mounts nothing where no file is asked for, secret values or not, for a pod without volumes starts earlier", () => {
    const spec = specOf({ secretEnv: { TOKEN: "s" } });
    expect([spec.volumes, spec.containers[0]?.volumeMounts]).toEqual([[], []]);
    expect(spec.containers[0]?.env).toContainEqual({ name: "GPU_CI_CONTROL", value: "/dev/shm" });
  });

  it("adds the collector from the same image where files are asked for", () => {
    const spec = specOf({ collect: ["out/*.xml", "logs"] });
    const [collector] = spec.initContainers ?? [];
    expect(spec.containers[0]?.command?.slice(0, 2)).toEqual(["/bin/sh", "/gpu-ci/bin/run"]);
    expect(spec.volumes?.flatMap(({ secret }) => secret?.secretName ?? [])).toEqual(["gpu-ci-1-1"]);
    expect([collector?.image, collector?.restartPolicy]).toEqual([spec.containers[0]?.image, "Always"]);
    const env = Object.fromEntries(spec.containers[0]?.env?.map(({ name, value }) => [name, value]) ?? []);
    expect([env.GPU_CI_COLLECT, env.GPU_CI_HOLD]).toEqual(["out/*.xml\nlogs", "30"]);
  });

  it("starts services before the collector and the test, each ready by its own health, with secrets by reference", () => {
    const service = {
      name: "db",
      image: testPodOf().image,
      command: [],
      args: ["-c", "$x"],
      env: { MODE: "fast" },
      secretEnv: { PASSWORD: "DB_PASSWORD" },
      ports: [5432],
      health: { port: 5432 },
      user: { uid: 999, gid: 998 },
      cpu: undefined,
      memory: "1Gi",
    };
    const spec = specOf({ services: [service], collect: ["x"], gpus: 1 });
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(["db", "collector"]);
    expect(spec.initContainers?.[0]).toEqual({
      name: "db",
      image: testPodOf().image,
      imagePullPolicy: "IfNotPresent",
      restartPolicy: "Always",
      args: ["-c", "$$x"],
      env: [
        { name: "NVIDIA_VISIBLE_DEVICES", value: "void" },
        { name: "MODE", value: "fast" },
        { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "gpu-ci-1-1", key: "env.DB_PASSWORD" } } },
      ],
      ports: [{ containerPort: 5432 }],
      startupProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 30 },
      resources: { requests: { memory: "1Gi" }, limits: { memory: "1Gi" } },
      securityContext: {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
        runAsUser: 999,
        runAsGroup: 998,
        runAsNonRoot: true,
      },
      terminationMessagePolicy: "FallbackToLogsOnError",
    });
  });

  it("keeps secret values out of the manifest and in the Secret", () => {
    const pod = testPodOf({ secretEnv: { TOKEN: "s3cret-value" } });
    expect(JSON.stringify(testJob(pod))).not.toContain("s3cret-value");
    expect(testJob(pod).spec?.template.spec?.containers[0]?.env).toContainEqual({
      name: "TOKEN",
      valueFrom: { secretKeyRef: { name: "gpu-ci-1-1", key: "env.TOKEN" } },
    });
    const secret = testSecret(pod);
    expect([secret.immutable, secret.stringData?.["env.TOKEN"], secret.stringData?.run]).toEqual([
      true,
      "s3cret-value",
      wrapperScript,
    ]);
  });

  it("asks for GPUs, tolerates their taint, and hides them from a test that asked for none", () => {
    const spec = specOf({ gpus: 2, cpu: "4", memory: "8Gi", shmSize: "1Gi" });
    const amounts = { cpu: "4", memory: "8Gi", "nvidia.com/gpu": "2" };
    expect(spec.containers[0]?.resources).toEqual({ requests: amounts, limits: amounts });
    expect(spec.tolerations).toEqual([{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }]);
    expect(spec.volumes).toContainEqual({ name: "gpu-ci-shm", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } });
    expect(specOf().containers[0]?.env).toContainEqual({ name: "NVIDIA_VISIBLE_DEVICES", value: "void" });
  });

  it.each([
    ["nonroot", { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 }, 1000],
    [{ uid: 7, gid: 8 }, { runAsNonRoot: true, runAsUser: 7, runAsGroup: 8 }, 8],
    [{ uid: 0, gid: undefined }, { runAsNonRoot: false, runAsUser: 0 }, undefined],
  ] as const)("runs as %j", (runAs, user, fsGroup) => {
    const spec = specOf({ runAs });
    expect(spec.containers[0]?.securityContext).toMatchObject(user);
    expect(spec.securityContext?.fsGroup).toBe(fsGroup);
  });

  it("takes values as they stand, where Kubernetes would expand $(NAME) and halve $$", () => {
    const command = specOf({ command: ["echo", "$(HOME) $$ $x"] }).containers[0]?.command;
    expect(command?.at(-1)).toBe("$$(HOME) $$$$ $$x");
    expect(specOf({ env: { A: "$(B) $$" } }).containers[0]?.env).toContainEqual({ name: "A", value: "$$(B) $$$$" });
  });

  it("lets the patch have the last word", () => {
    const placement = {
      ...testPodOf().placement,
      podPatch: { spec: { hostname: "h", containers: [{ name: "test", tty: true }] } },
    };
    const spec = specOf({ placement });
    expect([spec.hostname, spec.containers[0]?.tty, spec.containers[0]?.image]).toEqual(["h", true, testPodOf().image]);
  });

  it("runs the image as it is, bare, when there is no command", () => {
    expect(specOf({ wrap: false, command: [] }).containers[0]?.command).toBeUndefined();
  });
});

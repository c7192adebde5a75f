import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { containerArguments, leftAside } from "../../../../lib/engine/container-arguments.ts";
import { countGpus, gpuArguments } from "../../../../lib/engine/container-gpu.ts";
import { testPodOf } from "../../../support/test-pod.ts";

const files = {
  bin: "/t/bin",
  out: "/t/out",
  control: "/t/control",
  envFile: "/t/secret.env",
  logFile: "/t/log",
  inheritedEnv: { S: "x\ny" },
  files: [],
};
const image = "localhost:5000/a@sha256:00";

describe("The arguments of a container", () => {
  it("hold everything of the pod but its secrets", () => {
    const pod = testPodOf({
      image,
      secretEnv: { S: "x\ny" },
      env: { A: "b=c" },
      memory: "1Gi",
      cpu: "1500m",
      shmSize: "64Mi",
      runAs: { uid: 7, gid: 8 },
      collect: ["a/*.xml", "b"],
      gpus: 1,
      labels: { l: "1" },
      annotations: {},
    });
    const gpu = ["--device", "nvidia.com/gpu=0"];
    const options = { engine: "podman", pod, files, gpuArguments: gpu, limits: true } as const;
    expect(containerArguments({ ...options, command: ["make", "test"] })).toEqual([
      "create",
      "--name=gpu-ci-1-1",
      "--pull=never",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      "--security-opt=label=disable",
      "--log-driver=k8s-file",
      "--log-opt=path=/t/log",
      "--label=l=1",
      "--volume=/t/bin:/gpu-ci/bin:ro",
      "--volume=/t/out:/gpu-ci/out",
      "--volume=/t/control:/gpu-ci/control",
      "--env-file=/t/secret.env",
      "--env=GPU_CI_SHARD=0",
      "--env=GPU_CI_SHARDS=1",
      "--env=A=b=c",
      "--env=GPU_CI_GPUS=1",
      "--env=GPU_CI_CONTROL=/gpu-ci/control",
      "--env=GPU_CI_RECEIPT=/gpu-ci/control/receipt",
      "--env=GPU_CI_TIMEOUT=60",
      "--env=GPU_CI_HOLD=10",
      "--env=GPU_CI_COLLECT=a/*.xml\nb",
      "--env=S",
      "--shm-size",
      "67108864b",
      "--memory",
      "1073741824b",
      "--cpus",
      "1.5",
      "--user",
      "7:8",
      "--device",
      "nvidia.com/gpu=0",
      "--entrypoint",
      "/bin/sh",
      image,
      "/gpu-ci/bin/run",
      "make",
      "test",
    ]);
  });

  it("run a bare pod as its image says, without limits where there are none", () => {
    const pod = testPodOf({ image, wrap: false, command: [], memory: "1Gi", cpu: "1" });
    const options = {
      engine: "docker",
      pod,
      command: [],
      files: { ...files, inheritedEnv: {} },
      gpuArguments: [],
      limits: false,
    } as const;
    const made = containerArguments(options);
    expect(made.at(-1)).toBe(image);
    expect(
      made.filter((argument) => /memory|cpus|entrypoint|TIMEOUT|HOLD|label=disable|k8s-file/.test(argument)),
    ).toEqual([]);
  });

  it("name the inputs that mean nothing outside of a cluster", () => {
    const { placement } = testPodOf({ image });
    const volumes = [{ kind: "pvc", source: "data", mountPath: "/data", readOnly: true }] as const;
    const pod = testPodOf({ image, placement: { ...placement, nodeSelector: { a: "b" }, queueName: "q", volumes } });
    expect([leftAside(testPodOf({ image })), leftAside(pod)]).toEqual([[], ["node-selector", "queue-name", "volumes"]]);
  });
});

describe("GPUs of this machine", () => {
  it("are counted by device nodes and given by CDI to podman, by number to docker", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gpu-ci-unit-"));
    const places = { devices: join(folder, "dev"), cdi: [join(folder, "none"), join(folder, "cdi")] };
    await mkdir(places.devices);
    await mkdir(join(folder, "cdi"));
    for (const name of ["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"])
      await writeFile(join(places.devices, name), "");
    expect([await countGpus("nvidia.com/gpu", places), await countGpus("amd.com/gpu", places)]).toEqual([2, 0]);
    await expect(gpuArguments("podman", 1, places)).rejects.toThrow(/no CDI specification/);
    await writeFile(join(folder, "cdi", "nvidia.yaml"), "");
    expect(await gpuArguments("podman", 2, places)).toEqual([
      "--device",
      "nvidia.com/gpu=0",
      "--device",
      "nvidia.com/gpu=1",
    ]);
    expect([await gpuArguments("docker", 2, places), await gpuArguments("podman", 0, places)]).toEqual([
      ["--gpus", "2"],
      [],
    ]);
    await rm(folder, { recursive: true });
  });
});

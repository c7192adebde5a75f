import type { Host } from "../lib/host.ts";

/** Runs the story of an action on a host; a number is its exit code. */
export type Verb = (host: Host) => Promise<number | undefined>;

/** The actions as terminal verbs, wired as each action's main.ts wires them. Nothing of an action is loaded before its verb is called. */
export const verbs: Readonly<Record<string, Verb>> = {
  async "next-version"(host) {
    const [{ readInputs }, { nextVersion }, { writeOutputs }] = await Promise.all([
      import("../actions/next-version/inputs.ts"),
      import("../actions/next-version/next-version.ts"),
      import("../actions/next-version/outputs.ts"),
    ]);
    writeOutputs(host.output, await nextVersion(readInputs(host.input), host));
    return undefined;
  },
  async "setup-microk8s"(host) {
    const [{ readInputs }, { setupMicrok8s }, { writeOutputs }] = await Promise.all([
      import("../actions/setup-microk8s/inputs.ts"),
      import("../actions/setup-microk8s/setup-microk8s.ts"),
      import("../actions/setup-microk8s/outputs.ts"),
    ]);
    writeOutputs(host.output, await setupMicrok8s(readInputs(host.input), host));
    return undefined;
  },
  async "build-base-image"(host) {
    const [{ readInputs }, { buildBaseImage }, { writeOutputs }] = await Promise.all([
      import("../actions/build-base-image/inputs.ts"),
      import("../actions/build-base-image/build-base-image.ts"),
      import("../actions/build-base-image/outputs.ts"),
    ]);
    writeOutputs(host.output, await buildBaseImage(readInputs(host.input), host));
    return undefined;
  },
  async "push-local-registry"(host) {
    const [{ readInputs }, { pushLocalRegistry }, { writeOutputs }] = await Promise.all([
      import("../actions/push-local-registry/inputs.ts"),
      import("../actions/push-local-registry/push-local-registry.ts"),
      import("../actions/push-local-registry/outputs.ts"),
    ]);
    writeOutputs(host.output, await pushLocalRegistry(readInputs(host.input), host));
    return undefined;
  },
  async "build-source-image"(host) {
    const [{ readInputs }, { buildSourceImage }, { writeOutputs }] = await Promise.all([
      import("../actions/build-source-image/inputs.ts"),
      import("../actions/build-source-image/build-source-image.ts"),
      import("../actions/build-source-image/outputs.ts"),
    ]);
    writeOutputs(host.output, await buildSourceImage(readInputs(host.input), host));
    return undefined;
  },
  async "run-k8s-gpu-test"(host) {
    const [{ readInputs }, { runK8sGpuTest }, { writeOutputs }] = await Promise.all([
      import("../actions/run-k8s-gpu-test/inputs.ts"),
      import("../actions/run-k8s-gpu-test/run-k8s-gpu-test.ts"),
      import("../actions/run-k8s-gpu-test/outputs.ts"),
    ]);
    const outputs = await runK8sGpuTest(readInputs(host.input), host);
    writeOutputs(host.output, outputs);
    return outputs.stepExitCode;
  },
  async "github-release"(host) {
    const [{ readInputs }, { githubRelease }, { writeOutputs }] = await Promise.all([
      import("../actions/github-release/inputs.ts"),
      import("../actions/github-release/github-release.ts"),
      import("../actions/github-release/outputs.ts"),
    ]);
    writeOutputs(host.output, await githubRelease(readInputs(host.input), host));
    return undefined;
  },
  async "registry-care"(host) {
    const [{ readInputs }, { registryCare, requireCared }, { writeOutputs }] = await Promise.all([
      import("../actions/registry-care/inputs.ts"),
      import("../actions/registry-care/registry-care.ts"),
      import("../actions/registry-care/outputs.ts"),
    ]);
    const outputs = await registryCare(readInputs(host.input), host);
    writeOutputs(host.output, outputs);
    requireCared(outputs);
    return undefined;
  },
  async "switch-runners"(host) {
    const [{ readInputs }, { switchRunners }, { writeOutputs }] = await Promise.all([
      import("../actions/switch-runners/inputs.ts"),
      import("../actions/switch-runners/switch-runners.ts"),
      import("../actions/switch-runners/outputs.ts"),
    ]);
    writeOutputs(host.output, await switchRunners(readInputs(host.input), host));
    return undefined;
  },
  async "promote-image"(host) {
    const [{ readInputs }, { promoteImage, requirePromoted }, { writeOutputs }] = await Promise.all([
      import("../actions/promote-image/inputs.ts"),
      import("../actions/promote-image/promote-image.ts"),
      import("../actions/promote-image/outputs.ts"),
    ]);
    const outputs = await promoteImage(readInputs(host.input), host);
    writeOutputs(host.output, outputs);
    requirePromoted(outputs);
    return undefined;
  },
};

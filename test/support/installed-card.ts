import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { exec } from "../../lib/exec.ts";
import { ensureTools } from "../../scripts/tools.ts";
import { pushBuildkitImage } from "./buildkit-image.ts";
import { pushControllerImage } from "./controller-image.ts";
import { callForge, type Forge } from "./forge.ts";
import { root } from "./house.ts";
import { helm } from "./runner-chart.ts";
import { pushRunnerImage } from "./runner-image.ts";

/** The runners of an organisation of the forge, installed as the README says, with a builder for base images. */
export interface InstalledCard {
  /** What `runs-on` asks for: only these runners have it. */
  readonly label: string;
  readonly organisation: string;
  /** `gpu-ci runners …` as the person who installed them. */
  gpuCi(subcommand: string, ...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** Names of the runners on the forge's list. */
  forgeRunners(): Promise<readonly string[]>;
}

export interface CardOptions {
  readonly forge: Forge;
  readonly folder: string;
  /** Of the release; it exists. */
  readonly namespace: string;
  readonly replicas?: number;
}

// Pods reach the forge at the node's address; what calls it by its own name finds it by a relay inside the pod.
const node = "10.211.0.1";
const relay = ["socat", "TCP-LISTEN:13000,bind=127.0.0.1,fork,reuseaddr", `TCP:${node}:13000`];

/** Builds the three images, makes the organisation, and installs. */
export async function installCard({ forge, folder, namespace, replicas = 1 }: CardOptions): Promise<InstalledCard> {
  const registry = process.env.REGISTRY || "localhost:32000";
  const runner = await pushRunnerImage(registry, folder);
  const controller = await pushControllerImage(runner, folder);
  const buildkit = await pushBuildkitImage(registry, folder);
  const label = `card-${randomBytes(3).toString("hex")}`;
  const organisation = label;
  await callForge(forge, "POST", "/orgs", { username: organisation });

  const [values, token] = [join(folder, "values.yaml"), join(folder, "token")];
  writeFileSync(values, stringify(chartValues(runner, buildkit)));
  writeFileSync(token, forge.token, { mode: 0o600 });
  const gpuCi = (subcommand: string, ...args: readonly string[]) => {
    const env = { ...process.env, PATH: `${ensureTools(["helm"])}:${process.env.PATH}` };
    return exec(join(root, "bin/gpu-ci"), ["runners", subcommand, "--namespace", namespace, ...args], { env });
  };
  const place = ["--forge", `http://${node}:13000`, "--scope", `org:${organisation}`, "--token-file", token];
  const wanted = ["--replicas", String(replicas), "--labels", label, "--timeout", "400s", "--values", values];
  const images = ["--runner-image", runner, "--controller-image", controller];
  // No hook of the test runner cleans up after a setup that failed, and what stays would fail every other installation.
  await gpuCi("install", ...place, ...wanted, ...images).catch(async (error: unknown) => {
    await helm(["uninstall", "gpu-ci", "--namespace", namespace, "--no-hooks", "--ignore-not-found"]);
    throw error;
  });
  return {
    label,
    organisation,
    gpuCi,
    forgeRunners: async () => {
      const path = `/orgs/${organisation}/actions/runners`;
      const { runners } = await callForge<{ runners: { name: string }[] | null }>(forge, "GET", path);
      return (runners ?? []).map(({ name }) => name);
    },
  };
}

function chartValues(runner: string, buildkit: string): object {
  const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  const sidecar = {
    name: "forge",
    image: runner,
    restartPolicy: "Always",
    command: relay,
    securityContext: restricted,
  };
  return {
    // Requests that leave room for the tests of others on one small node.
    controller: { resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { cpu: "1", memory: "256Mi" } } },
    runner: {
      resources: { requests: { cpu: "200m", memory: "256Mi" }, limits: { cpu: "2", memory: "2Gi" } },
      podPatch: { hostAliases: [{ ip: "127.0.0.1", hostnames: ["forge.localhost"] }], initContainers: [sidecar] },
    },
    buildkitd: {
      enabled: true,
      image: buildkit,
      resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { cpu: "2", memory: "2Gi" } },
    },
    registryPrune: { enabled: true, args: ["--dry-run"] },
  };
}

import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { exec } from "../../lib/exec.ts";
import { ensureTools } from "../../scripts/tools.ts";
import { root } from "./house.ts";

/** The folder of the chart. */
export const runnerChart = join(root, "runner-deploy");

/** A reference by digest that no registry has. */
export const anyImage = `localhost:32000/any@sha256:${"0".repeat(64)}`;

/** The values that have no default, in mode plain. */
export const leastValues: ChartValues = {
  controller: { image: anyImage },
  runner: { image: anyImage },
  forge: { scope: "org:acme" },
};

/** Everything that is off by default, on. */
export const allValues: ChartValues = {
  ...leastValues,
  buildkitd: { enabled: true, image: anyImage },
  registryPrune: { enabled: true },
  drain: { subjects: [{ kind: "User", name: "operator", apiGroup: "rbac.authorization.k8s.io" }] },
  gpuClasses: { simulated: { nodeSelector: { "nvidia.com/gpu.product": "Simulated-GPU" } } },
  prepull: { enabled: true, images: [anyImage] },
};

export type ChartValues = Readonly<Record<string, unknown>>;

/** A rendered object, as far as tests look at all of them. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
}

/** Runs helm. Throws CommandError with what it said. */
export async function helm(args: readonly string[], values?: ChartValues, env = process.env): Promise<string> {
  const given = values ? ["--values", "-"] : [];
  const program = join(ensureTools(["helm"]), "helm");
  const { stdout } = await exec(program, [...args, ...given], { env, stdin: JSON.stringify(values ?? {}) });
  return stdout;
}

/** What an installation as `gpu-ci` into the namespace `ci` would create, hooks included. */
export async function renderChart(values: ChartValues): Promise<readonly Manifest[]> {
  const text = await helm(["template", "gpu-ci", runnerChart, "--namespace", "ci"], values);
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter((object): object is Manifest => object !== null);
}

/** Finds one object. Throws when it was not rendered. */
export function manifestOf(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`${kind} ${name} was not rendered.`);
  return found;
}

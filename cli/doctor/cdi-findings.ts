import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { versionOf } from "./program-version.ts";

const subject: Subject = { group: "gpus", topic: "GPUs for podman" };
const remedy = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml";

export interface CdiOptions {
  /** As nvidia-smi says it. */
  readonly driver: string;
  /** Tests then run there and not by podman. */
  readonly clusterConfigured: boolean;
}

/** Whether podman finds the GPUs: by a CDI specification that was written for the driver that runs. Nothing where there is no podman. */
export async function cdiFindings(
  { exec, root }: Pick<Examination, "exec" | "root">,
  { driver, clusterConfigured }: CdiOptions,
): Promise<readonly Finding[]> {
  if ((await versionOf(exec, "podman", ["--version"])) === undefined) return [];
  const state = clusterConfigured ? "absent" : "limited";
  const specifications = await readCdiSpecifications(root);
  const [first] = specifications;
  if (first === undefined) {
    return [
      problem(subject, state, {
        code: "cdi-missing",
        found: "no CDI specification in /etc/cdi or /var/run/cdi",
        cause: "podman cannot give a GPU to a container",
        remedy,
      }),
    ];
  }
  // The specification names the driver's libraries by their full version.
  const versions = specifications.flatMap(({ text }) => /libcuda\.so\.(\d+\.[\d.]*\d)/.exec(text)?.[1] ?? []);
  if (versions.length === 0 || versions.includes(driver)) return [ok(subject, `by CDI (/${first.file})`)];
  return [
    problem(subject, state, {
      code: "cdi-stale",
      found: `/${first.file} was written for driver ${versions[0]}, and ${driver} runs`,
      cause: "the libraries that it names are gone: a container with a GPU does not start",
      remedy,
    }),
  ];
}

/** Whether a CDI specification of NVIDIA's is there. */
export async function hasCdiSpecification(root: string): Promise<boolean> {
  return (await readCdiSpecifications(root)).length > 0;
}

async function readCdiSpecifications(root: string) {
  const found = await Promise.all(
    ["etc/cdi", "var/run/cdi"].map(async (folder) => {
      const names = await readdir(join(root, folder)).catch(() => []);
      const files = names.filter((name) => /nvidia.*\.(ya?ml|json)$/.test(name)).map((name) => `${folder}/${name}`);
      return files.map(async (file) => ({ file, text: await readFile(join(root, file), "utf8").catch(() => "") }));
    }),
  );
  return await Promise.all(found.flat());
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCdiSpecification } from "./cdi-findings.ts";
import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "gpus", topic: "GPU runtime" };

/** Where a containerd that a kubelet uses has its configuration, and how it learns of NVIDIA's runtime. */
const configurations = [
  {
    owner: "microk8s",
    files: [
      "var/snap/microk8s/current/args/containerd-template.toml",
      "var/snap/microk8s/current/args/containerd.toml",
    ],
    remedy:
      "microk8s disable nvidia and microk8s enable nvidia: the addon writes the runtime into containerd's template.",
  },
  {
    owner: "k3s",
    files: ["var/lib/rancher/k3s/agent/etc/containerd/config.toml"],
    remedy: "Restart k3s: it looks for nvidia-container-runtime on PATH when it starts.",
  },
  {
    owner: "containerd",
    files: ["etc/containerd/config.toml", "etc/containerd/conf.d"],
    remedy: "sudo nvidia-ctk runtime configure --runtime=containerd --set-as-default, then restart containerd.",
  },
] as const;

/** Whether containerd gives GPUs to containers, by NVIDIA's runtime or by CDI; nothing where no containerd is configured here. */
export async function gpuRuntimeFindings({ root }: Pick<Examination, "root">): Promise<readonly Finding[]> {
  const hasCdi = await hasCdiSpecification(root);
  const found = await Promise.all(
    configurations.map(async ({ owner, files, remedy }) => {
      const texts = await Promise.all(files.map((file) => readConfiguration(join(root, file))));
      const text = texts.filter((part) => part !== undefined).join("\n");
      if (text === "") return [];
      if (/nvidia-container-runtime|runtimes\.['"]?nvidia/.test(text))
        return [ok(subject, `${owner} has the runtime nvidia`)];
      // https://github.com/cncf-tags/container-device-interface: devices are then named by annotation, no runtime is needed.
      if (hasCdi && /enable_cdi\s*=\s*true/.test(text)) return [ok(subject, `${owner} gives GPUs by CDI`)];
      const cause = "a pod with a GPU would see no device in its container";
      return [
        problem(subject, "limited", {
          code: "gpu-runtime-not-configured",
          found: `${owner} knows neither the runtime nvidia nor CDI (/${files[0]})`,
          cause,
          remedy,
        }),
      ];
    }),
  );
  return found.flat();
}

/** The text of a file, or of all TOML files of a folder; undefined where it is absent or may not be read. */
async function readConfiguration(path: string): Promise<string | undefined> {
  const names = await readdir(path).catch(() => undefined);
  if (names === undefined) return await readFile(path, "utf8").catch(() => undefined);
  const texts = await Promise.all(
    names.filter((name) => name.endsWith(".toml")).map((name) => readFile(join(path, name), "utf8").catch(() => "")),
  );
  return texts.length === 0 ? undefined : texts.join("\n");
}

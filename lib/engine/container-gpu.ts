import { readdir } from "node:fs/promises";
import { DomainError } from "../error.ts";

/** Where GPUs and their CDI specifications are looked for; other folders in tests. */
export interface GpuPlaces {
  readonly devices: string;
  readonly cdi: readonly string[];
}

/** The places of a Linux machine. */
export const machineGpuPlaces: GpuPlaces = { devices: "/dev", cdi: ["/etc/cdi", "/var/run/cdi"] };

/** NVIDIA GPUs of this machine, counted by their device nodes; 0 for every other resource. */
export async function countGpus(gpuResource: string, places: GpuPlaces): Promise<number> {
  if (gpuResource !== "nvidia.com/gpu") return 0;
  return (await namesIn(places.devices)).filter((name) => /^nvidia\d+$/.test(name)).length;
}

/**
 * Arguments that give a container its first `gpus` GPUs: by CDI for podman, by the NVIDIA runtime for docker. Throws DomainError
 * `container-start-failed` when podman has no CDI specification to find them by.
 */
export async function gpuArguments(engine: "podman" | "docker", gpus: number, places: GpuPlaces): Promise<string[]> {
  if (gpus === 0) return [];
  if (engine === "docker") return ["--gpus", String(gpus)];
  const specifications = (await Promise.all(places.cdi.map(namesIn))).flat();
  if (!specifications.some((name) => /nvidia.*\.(ya?ml|json)$/.test(name))) {
    throw new DomainError(
      "container-start-failed",
      `This machine has a GPU, but no CDI specification in ${places.cdi.join(" or ")} that podman finds it by.`,
      {
        hint: "Install nvidia-container-toolkit and run `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`.",
      },
    );
  }
  return Array.from({ length: gpus }, (_, index) => ["--device", `nvidia.com/gpu=${index}`]).flat();
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

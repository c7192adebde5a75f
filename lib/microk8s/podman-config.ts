import type { TrustedRegistry } from "./trusted-registry.ts";

/**
 * A drop-in file of our own for podman, buildah and skopeo: each registry is spoken to without checks, and a Service's name is found at the address that works
 * outside of the cluster. Tables of jobs before stay. https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md
 */
export function podmanDropIn(present: string | undefined, registries: readonly TrustedRegistry[]): string {
  const text = present ?? "# Written by gpu-ci, and removed when the last job that needs it ends.\n";
  const missing = registries.filter(({ name }) => !text.includes(`prefix = "${name}"`));
  return [text, ...missing.map(tableOf)].join("\n");
}

function tableOf({ name, address }: TrustedRegistry): string {
  return ["[[registry]]", `prefix = "${name}"`, `location = "${address}"`, "insecure = true", ""].join("\n");
}

import type { TrustedRegistry } from "./trusted-registry.ts";

/** Where microk8s' containerd looks up how to reach a registry: a folder for each name, exactly as it stands in the reference. */
export const certsFolder = "/var/snap/microk8s/current/args/certs.d";

/**
 * The `hosts.toml` of a registry; a present one that reaches it in this way is kept as it is. The scheme in the host's key is what is usually forgotten.
 * https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
export function withHostsToml(present: string | undefined, registry: TrustedRegistry): string {
  const url = `${registry.scheme}://${registry.address}`;
  if (present?.split("\n").some((line) => line.trim().replaceAll("'", '"') === `[host."${url}"]`)) return present;
  const lines = [
    `server = "${registry.scheme}://${registry.name}"`,
    "",
    `[host."${url}"]`,
    '  capabilities = ["pull", "resolve"]',
    ...(registry.scheme === "https" ? ["  skip_verify = true"] : []),
  ];
  return `${lines.join("\n")}\n`;
}

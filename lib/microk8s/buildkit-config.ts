import type { TrustedRegistry } from "./trusted-registry.ts";

/**
 * buildkitd.toml with a table for each registry that has none; what stands there stays, comments included. The key carries the port, and a registry that
 * somebody has configured is theirs. https://docs.docker.com/build/buildkit/toml-configuration/
 */
export function withBuildkitRegistries(present: string | undefined, registries: readonly TrustedRegistry[]): string {
  const text = present ?? "";
  const missing = registries.filter(
    ({ name }) => !new RegExp(`^\\s*\\[registry\\.["']${escaped(name)}["'][\\].]`, "m").test(text),
  );
  if (missing.length === 0) return text;
  const kept = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return `${kept}\n# Added by gpu-ci.\n${missing.map(tableOf).join("\n")}`;
}

function tableOf({ name, address, scheme }: TrustedRegistry): string {
  const mirror = name === address ? [] : [`mirrors = ["${address}"]`];
  return [`[registry."${name}"]`, ...mirror, scheme === "http" ? "http = true" : "insecure = true", ""].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll(/[.[\]]/g, "\\$&");
}

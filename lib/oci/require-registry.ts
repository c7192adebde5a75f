import { DomainError } from "../error.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Fails unless a registry answers that lets us in, before anything expensive is begun: DomainError `registry-absent`, `registry-unauthorized` or `registry-unreachable`. */
export async function requireRegistry(client: RegistryClient): Promise<void> {
  const found = await client.ping();
  if (found === "ok") return;
  if (found === "absent") {
    throw new DomainError(
      "registry-absent",
      `${client.registry} answers, but is no container registry: it has no /v2/.`,
      {
        hint: "Check the host and port of the input registry.",
      },
    );
  }
  throw new DomainError("registry-unauthorized", `Registry ${client.registry} does not let us in.`, {
    hint: "Give username and password, or log in with docker or podman.",
  });
}

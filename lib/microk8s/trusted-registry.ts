import { InputError } from "../error.ts";
import { isRegistry } from "../oci/reference.ts";

/** A registry that is spoken to without checks. */
export interface TrustedRegistry {
  /** `host[:port]` as it stands in a reference. */
  readonly name: string;
  /** Where it answers from this machine, `host[:port]`: a Service's name means nothing outside of the cluster. */
  readonly address: string;
  /** Plain HTTP, or HTTPS whose certificate nobody checks. */
  readonly scheme: "http" | "https";
}

const registryService = "registry.container-registry.svc.cluster.local";

/** Parses an entry of insecure-registries: `host[:port]` for plain HTTP, `https://host[:port]` for a certificate that is not checked. Throws InputError. */
export function parseTrusted(input: string, text: string): TrustedRegistry {
  const [, scheme = "http", name = ""] = /^(?:(https?):\/\/)?(.*)$/.exec(text) ?? [];
  if (!isRegistry(name)) throw new InputError(input, text, "host[:port], or https://host[:port]");
  return { name, address: name, scheme: scheme === "https" ? "https" : "http" };
}

/** Every name under which somebody on this machine asks for microk8s' registry: this machine, the node's address, the Service. */
export function registryNames(push: string, nodeIp: string | undefined): readonly TrustedRegistry[] {
  const port = push.split(":").at(-1) ?? "32000";
  const own = (name: string, address = name) => ({ name, address, scheme: "http" as const });
  const atNode = nodeIp === undefined ? [] : [own(`${nodeIp.includes(":") ? `[${nodeIp}]` : nodeIp}:${port}`)];
  return [own(push), ...atNode, own(`${registryService}:5000`, push)];
}

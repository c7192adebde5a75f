import { DomainError } from "../error.ts";
import type { Node } from "../kubernetes/resource.ts";
import { withHostsToml } from "./hosts-toml.ts";
import type { TrustedRegistry } from "./trusted-registry.ts";

export interface FailedPull {
  /** `name` is what the image's reference begins with, `address` and `scheme` are how the registry is reached. */
  readonly registry: TrustedRegistry;
  readonly image: string;
  readonly nodeName: string;
  /** Undefined where the account may not look at nodes. */
  readonly node: Node | undefined;
  /** The kubelet's words. */
  readonly said: string;
}

interface Cause {
  readonly found: string;
  /** Without a file: what to do instead. */
  readonly remedy?: string;
  readonly registry?: TrustedRegistry;
}

/** Says why a node could not pull, and the very file that is missing or wrong on it: DomainError `node-cannot-pull`. */
export function cannotPull(pull: FailedPull): DomainError {
  const { found, remedy, registry } = causeOf(pull);
  const { image, nodeName, said } = pull;
  return new DomainError(
    "node-cannot-pull",
    `Node ${nodeName} cannot pull ${image}: ${found}.\nThe kubelet said: ${said}`,
    {
      hint: remedy ?? fileOf(pull, registry ?? pull.registry),
    },
  );
}

/** What no file of ours mends. */
const otherCauses = [
  [
    /no space left on device/,
    "answers it, but its disk is full",
    "Remove images there (crictl rmi --prune), or give its containerd more room.",
  ],
  [
    /failed to extract|invalid tar|unexpected commit digest/,
    "gives it a layer that it cannot unpack",
    "Push with verify: full, which tells whether the registry's copy is what was built; if it is, build the image again.",
  ],
  [
    /\b40[13]\b|[Uu]nauthorized|denied|no basic auth|insufficient_scope|authorization failed/,
    "asks it for a login",
    "Give the namespace's default service account an imagePullSecret.",
  ],
] as const;

/** The first that fits; the texts are those of containerd 2.2. */
function causeOf(pull: FailedPull): Cause {
  const other = otherCauses.find(([pattern]) => pattern.test(pull.said));
  if (other) return { found: `${pull.registry.name} ${other[1]}`, remedy: other[2] };
  const { registry, said } = pull;
  const { name, scheme } = registry;
  const asked = /(?:Head|Get|Post) \\?"(https?):\/\/([^/"\\]+)/.exec(said);
  const askedHost = asked?.[2] ?? name;
  const isDirect = askedHost === name;
  const where = isDirect ? "" : ` at ${askedHost}, where its hosts.toml sends it`;
  const withScheme = (scheme: "http" | "https") => ({ ...registry, ...(isDirect ? { address: name } : {}), scheme });
  if (/server gave HTTP response to HTTPS client/.test(said)) {
    const why = isDirect ? "; it has no hosts.toml for this name, or one that containerd passes over" : "";
    return { found: `it asks ${name} for HTTPS${where}, and plain HTTP answers${why}`, registry: withScheme("http") };
  }
  if (/HTTP request to an HTTPS server|malformed HTTP response|first record does not look like/.test(said))
    return { found: `it asks ${name} for plain HTTP${where}, and HTTPS answers`, registry: withScheme("https") };
  if (/x509|certificate/.test(said))
    return { found: `it does not trust the certificate of ${name}${where}`, registry: withScheme("https") };
  if (/not found|manifest unknown|NAME_UNKNOWN/.test(said))
    return {
      found: `what answers there as ${name} does not have the image, so it is another registry than ours at ${scheme}://${registry.address}`,
    };
  if (/no such host|connection refused|timeout|unreachable|no route|dial tcp/.test(said))
    return unreached(pull, askedHost);
  return {
    found: "it gives a reason that no setting of ours is known for",
    remedy: `Try it on the node: crictl pull ${pull.image}.`,
  };
}

function unreached({ registry }: FailedPull, askedHost: string): Cause {
  const { name, address } = registry;
  if (askedHost !== name)
    return { found: `its hosts.toml for ${name} sends it to ${askedHost}, where it reaches nothing` };
  const found = `it does not reach ${name}`;
  if (address !== name) return { found };
  return {
    found,
    remedy: `Open the way from the node to ${name} (its address there, a firewall, DNS), or announce a name that each node knows in ConfigMap kube-public/local-registry-hosting as hostFromContainerRuntime.`,
  };
}

/** https://github.com/containerd/containerd/blob/main/docs/hosts.md and https://docs.k3s.io/installation/private-registry */
function fileOf({ node, nodeName }: FailedPull, registry: TrustedRegistry): string {
  const { containerRuntimeVersion = "", kubeletVersion = "" } = node?.status?.nodeInfo ?? {};
  const url = `${registry.scheme}://${registry.address}`;
  if (/\+(?:k3s|rke2)/.test(kubeletVersion)) {
    const product = kubeletVersion.includes("+k3s") ? "k3s" : "rke2";
    const lines = ["mirrors:", `  "${registry.name}":`, `    endpoint: ["${url}"]`];
    return written(
      `/etc/rancher/${product}/registries.yaml`,
      nodeName,
      lines.join("\n"),
      `Then restart ${product} there.`,
    );
  }
  if (containerRuntimeVersion !== "" && !containerRuntimeVersion.startsWith("containerd:")) {
    return `Let ${containerRuntimeVersion} on ${nodeName} ask ${url} for ${registry.name}: an insecure registry in its own configuration.`;
  }
  const isMicrok8s = node?.metadata?.labels?.["microk8s.io/cluster"] !== undefined;
  const folder = isMicrok8s ? "/var/snap/microk8s/current/args/certs.d" : "/etc/containerd/certs.d";
  const note = isMicrok8s
    ? "setup-microk8s writes it; containerd reads it at the next pull."
    : "Below another folder where containerd's config_path names one; it is read at the next pull.";
  return written(`${folder}/${registry.name}/hosts.toml`, nodeName, withHostsToml(undefined, registry).trimEnd(), note);
}

function written(path: string, nodeName: string, text: string, note: string): string {
  return `Write ${path} on ${nodeName}:\n\n${text.replaceAll(/^(?=.)/gm, "    ")}\n\n${note}`;
}

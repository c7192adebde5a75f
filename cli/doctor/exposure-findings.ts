import { get } from "node:http";
import type { NetworkInterfaceInfo } from "node:os";
import { isLoopback } from "../../lib/oci/loopback.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "registry", topic: "exposure" };
const askMs = 1000;

/** Bridges and tunnels that only containers of this machine, or nodes of its cluster, are behind. */
const innerInterface = /^(lo|docker|br-|cni|cali|flannel|vxlan|veth|virbr|podman|lxc|lxd|kube|cilium|tun)/;

/** The addresses of this machine at which other machines may find it. */
export function reachableAddresses(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): readonly string[] {
  return Object.entries(interfaces)
    .filter(([name]) => !innerInterface.test(name))
    .flatMap(([, infos = []]) => infos)
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
}

/**
 * Whether the registry of this machine, which asks nobody for a password, answers at addresses that others can reach. A firewall in front of
 * this machine is not seen from inside. Nothing for a registry elsewhere.
 */
export async function exposureFindings(
  registry: string,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const port = /:(\d+)$/.exec(registry)?.[1];
  if (!isLoopback(registry) || port === undefined) return [];
  const answers = await Promise.all(
    addresses.map(async (address) => ((await isOpen(address, Number(port), signal)) ? [address] : [])),
  );
  const open = answers.flat().map((address) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`));
  if (open.length === 0) return [ok(subject, `port ${port} answers nobody else without a login`)];
  const cause = "whoever reaches this machine may read, replace and delete images: the next test would run theirs";
  return [
    problem(subject, "limited", {
      code: "registry-exposed",
      found: `${open.join(", ")} answers without a login`,
      cause,
      remedy: `Let only this machine, its nodes and pods reach port ${port}: sudo ufw deny ${port}/tcp, or a firewall in front of it, which is not seen from here.`,
    }),
  ];
}

/** Only an answer without a question for credentials counts: a registry with a login may be seen by others. */
function isOpen(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host, port, path: "/v2/", agent: false, signal, timeout: askMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
    request.once("close", () => resolve(false));
  });
}

import { BlockList, isIP } from "node:net";

type Resolve = (host: string) => Promise<readonly { readonly address: string }[]>;

/**
 * Whether a registry (`host[:port]`) is one of the internet's: not this machine, no private address, no name of a cluster or a local network, and none that resolves
 * to a private address. A name that does not resolve counts as public.
 */
export async function isPublicRegistry(
  registry: string,
  resolve: Resolve = (host) => process.getBuiltinModule("node:dns/promises").lookup(host, { all: true }),
): Promise<boolean> {
  const host = registry.startsWith("[") ? registry.slice(1, registry.indexOf("]")) : registry.replace(/:\d+$/, "");
  if (isIP(host) !== 0) return !isPrivate(host);
  if (!host.includes(".") || localName.test(host)) return false;
  const found = await resolve(host).catch(() => []);
  return found.length === 0 || !found.every(({ address }) => isPrivate(address));
}

const localName = /\.(?:localhost|local|internal|lan|svc|home\.arpa)$/i;

const privateNetworks = [
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["::1", 128, "ipv6"],
  ["fc00::", 7, "ipv6"],
  ["fe80::", 10, "ipv6"],
] as const;

function isPrivate(address: string): boolean {
  const list = new BlockList();
  for (const [network, prefix, family] of privateNetworks) list.addSubnet(network, prefix, family);
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

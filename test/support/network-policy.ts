import { BlockList } from "node:net";
import type { V1NetworkPolicy, V1NetworkPolicyPeer, V1NetworkPolicyPort } from "@kubernetes/client-node";

/** One end of a connection: a pod, or an address outside of the cluster. */
export interface Peer {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly address?: string;
}

export interface Flow {
  readonly from: Peer;
  readonly to: Peer;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: string[];
  }[];
}

/**
 * Whether a set of policies lets a connection through: both ends must allow it, and an end that no policy selects allows everything.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function isAllowed(policies: readonly V1NetworkPolicy[], flow: Flow): boolean {
  return directionAllows(policies, "Egress", flow) && directionAllows(policies, "Ingress", flow);
}

function directionAllows(policies: readonly V1NetworkPolicy[], direction: "Egress" | "Ingress", flow: Flow): boolean {
  const [own, other] = direction === "Egress" ? [flow.from, flow.to] : [flow.to, flow.from];
  const selecting = policies.filter(
    ({ metadata, spec }) =>
      own.namespace !== undefined &&
      metadata?.namespace === own.namespace &&
      spec?.policyTypes?.includes(direction) &&
      selects(spec.podSelector ?? {}, own.labels ?? {}),
  );
  if (selecting.length === 0) return true;
  return selecting.some(({ metadata, spec }) => {
    const rules =
      direction === "Egress"
        ? (spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))
        : (spec?.ingress ?? []).map((rule) => ({ peers: Object(rule).from, ports: rule.ports }));
    return rules.some(
      ({ peers, ports }: { peers?: V1NetworkPolicyPeer[] | undefined; ports?: V1NetworkPolicyPort[] | undefined }) =>
        (!peers?.length || peers.some((peer) => isPeer(peer, other, metadata?.namespace ?? ""))) &&
        (!ports?.length || ports.some((port) => isPort(port, flow))),
    );
  });
}

function isPeer({ ipBlock, podSelector, namespaceSelector }: V1NetworkPolicyPeer, peer: Peer, own: string): boolean {
  if (ipBlock) {
    const isIn = (cidr: string) => peer.address !== undefined && contains(cidr, peer.address);
    return isIn(ipBlock.cidr) && !(ipBlock.except ?? []).some(isIn);
  }
  if (peer.namespace === undefined) return false;
  const isNamespace = namespaceSelector
    ? selects(namespaceSelector, { "kubernetes.io/metadata.name": peer.namespace })
    : peer.namespace === own;
  return isNamespace && selects(podSelector ?? {}, peer.labels ?? {});
}

function isPort({ port, protocol = "TCP" }: V1NetworkPolicyPort, flow: Flow): boolean {
  return protocol === (flow.protocol ?? "TCP") && (port === undefined || Number(port) === flow.port);
}

function contains(cidr: string, address: string): boolean {
  const [network = "", prefix] = cidr.split("/");
  const list = new BlockList();
  list.addSubnet(network, Number(prefix));
  return list.check(address);
}

function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== "In") throw new Error(`Operator ${operator} is not used by our policies.`);
      return values.includes(labels[key] ?? "");
    })
  );
}

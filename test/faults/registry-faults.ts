import { stat, truncate, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "../../lib/exec.ts";
import type { TestRegistry } from "../support/registry.ts";
import { type Fault, type Faults, kindOf, type SeenRequest } from "../support/registry-proxy.ts";
import { type Scene, seededBytes } from "./fault-scene.ts";

/** One line of the table: what goes wrong and when a push has survived it. */
export interface RegistryFault {
  readonly name: string;
  /** Most of its time nothing happens: many can run at once. */
  readonly isPatient?: boolean;
  /** Of the image; 1 is some 18 MB. */
  readonly scale?: number;
  /** What goes wrong on the wire. */
  readonly wire?: (scene: Scene) => Faults;
  /** What happens to the registry's files after a first push went well; then the same image is pushed again. */
  readonly damage?: (scene: Scene) => Promise<void>;
  /** Reads every byte back where a tool can. */
  readonly verifyFull?: boolean;
  /** The address where the registry is; default 127.0.0.1. */
  readonly address?: () => string;
  /** Nobody said that this registry has no TLS. */
  readonly isTlsExpected?: boolean;
  /** The registry's whole disk, in megabytes. */
  readonly diskMb?: number;
  /** A failure is right as well when it says this. */
  readonly refusal?: (scene: Scene) => RegExp;
}

/** The fourteen faults of the first column of goal R1, and the six of its second. */
export const registryFaults: readonly RegistryFault[] = [
  { name: "POST 503 x2", wire: () => first(2, "POST", "upload", { status: 503 }) },
  {
    name: "POST 429 x2, Retry-After 2",
    isPatient: true,
    wire: () => first(2, "POST", "upload", { status: 429, headers: { "retry-after": "2" } }),
  },
  { name: "body 503 x1", wire: () => firstBodies(1, () => ({ status: 503 })) },
  { name: "reset in the body x1", wire: ({ random }) => firstBodies(1, () => resetAt(random)) },
  { name: "reset in the body x3", wire: ({ random }) => firstBodies(3, () => resetAt(random)) },
  { name: "manifest PUT 500 x2", wire: () => first(2, "PUT", "manifest", { status: 500 }) },
  { name: "blob acknowledgement lost", wire: () => first(1, "PUT", "upload", "lose-answer") },
  { name: "manifest acknowledgement lost", wire: () => first(1, "PUT", "manifest", "lose-answer") },
  { name: "HEAD 500 x2", wire: () => first(2, "HEAD", "blob", { status: 500 }) },
  { name: "upload stalls", isPatient: true, wire: () => firstBodies(1, () => "stall") },
  {
    name: "blob truncated in the registry",
    damage: async ({ registry, image, random }) =>
      truncate(blobFile(registry.root, image.layers[0]!), Math.floor(random() * 5e6)),
    refusal: namesLayer,
  },
  {
    name: "blob bit-flipped in the registry",
    verifyFull: true,
    damage: async ({ registry, image }) => {
      const file = blobFile(registry.root, image.layers[0]!);
      await writeFile(file, seededBytes("flipped", (await stat(file)).size));
    },
    refusal: namesLayer,
  },
  { name: "empty link files in the registry", damage: emptyLinks, refusal: namesLayer },
  { name: "registry killed, back in 3 s", isPatient: true, wire: killedOnce },
  { name: "registry's disk full", diskMb: 12, refusal: () => /no space left|disk (is )?full|is full/i },
  {
    name: "slow, 50 kB/s",
    isPatient: true,
    scale: 0.06,
    wire: () => (request) => (isBody(request) ? { bytesPerSecond: 50_000 } : undefined),
  },
  { name: "garbage collected during the push", wire: collectedOnce },
  { name: "IPv6 only", address: () => "::1" },
  { name: "307 to another host", wire: ({ registry }) => redirected(registry.host.replace("localhost", "127.0.0.1")) },
  {
    name: "HTTP where HTTPS is expected",
    address: ownAddress,
    isTlsExpected: true,
    refusal: () => /tls-verify|--insecure/,
  },
];

function first(times: number, method: string, kind: string, fault: Fault): Faults {
  return (request, earlier) =>
    request.method === method && kindOf(request) === kind && earlier < times ? fault : undefined;
}

// Tools differ in the request that carries a blob's bytes: PATCH or PUT.
function isBody(request: SeenRequest): boolean {
  return kindOf(request) === "upload" && request.method !== "POST" && request.length !== 0;
}

function firstBodies(times: number, fault: () => Fault): Faults {
  let seen = 0;
  return (request) => (isBody(request) && request.length > 1e6 && seen++ < times ? fault() : undefined);
}

function resetAt(random: () => number): Fault {
  return { resetAfterBytes: Math.floor(random() * 4.9e6) };
}

function killedOnce({ registry, pending, random }: Scene): Faults {
  const atBody = 1 + Math.floor(random() * 2);
  let bodies = 0;
  return (request) => {
    if (isBody(request) && ++bodies === atBody) pending.push(killFor(registry, 3000));
    return undefined;
  };
}

async function killFor(registry: TestRegistry, durationMs: number): Promise<void> {
  await registry.kill();
  await sleep(durationMs);
  await registry.restart();
}

function collectedOnce({ registry }: Scene): Faults {
  const collect = async () => {
    await exec("docker-registry", ["garbage-collect", registry.configuration]);
  };
  return first(1, "PUT", "manifest", { before: collect });
}

function redirected(host: string): Faults {
  return (request) =>
    isBody(request) || (request.method === "HEAD" && kindOf(request) === "blob") ? { redirectTo: host } : undefined;
}

// A crash between the creation of such a file and its first byte leaves it empty.
async function emptyLinks({ registry, image: { seed, layers, digest } }: Scene): Promise<void> {
  const repository = join(registry.root, "docker/registry/v2/repositories/acme/base");
  const links = [
    `_layers/sha256/${layers[0]}/link`,
    `_manifests/revisions/sha256/${digest.slice(7)}/link`,
    "_manifests/tags/1/current/link",
  ];
  const chosen = seed % 4 === 0 ? links : [links[(seed % 4) - 1]!];
  for (const link of chosen) await truncate(join(repository, link), 0);
}

function blobFile(root: string, hex: string): string {
  return join(root, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
}

function namesLayer({ image }: Scene): RegExp {
  return new RegExp(`${image.layers[0]}|${image.digest}`);
}

function ownAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal);
  if (!found)
    throw new Error("This machine has no address but its loopback: the fault of a registry elsewhere cannot be made.");
  return found.address;
}

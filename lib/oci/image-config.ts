import * as v from "valibot";
import { DomainError } from "../error.ts";
import { readBody } from "./http-exchange.ts";
import {
  type Descriptor,
  type Index,
  type Manifest,
  parseJson,
  parseManifest,
  type StoredManifest,
} from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";

const configSchema = v.looseObject({
  architecture: v.optional(v.string()),
  os: v.optional(v.string()),
  created: v.optional(v.string()),
  config: v.nullish(
    v.looseObject({
      Entrypoint: v.nullish(v.array(v.string())),
      Cmd: v.nullish(v.array(v.string())),
      Env: v.nullish(v.array(v.string())),
      WorkingDir: v.nullish(v.string()),
      User: v.nullish(v.string()),
      Labels: v.nullish(v.record(v.string(), v.string())),
    }),
  ),
  rootfs: v.looseObject({ type: v.string(), diff_ids: v.array(v.string()) }),
  history: v.nullish(v.array(v.looseObject({}))),
});

/** An image's configuration document as it is stored, fields unknown to us included. */
export type ConfigDocument = v.InferOutput<typeof configSchema>;

/** What an image runs by default, and as whom. */
export interface ImageConfig {
  /** Of the platform's manifest that was read. */
  readonly digest: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `/` when the image names none. */
  readonly workingDir: string;
  /** As the image spells it: a name or id, with or without a group; empty for root. */
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One platform's image, read whole except for its layers. */
export interface PlatformImage {
  readonly stored: StoredManifest;
  readonly manifest: Manifest;
  readonly mediaType: string;
  readonly config: ConfigDocument;
}

/** Reads the configuration of a tag or digest; of an index, that of `platform` (default: Linux on this machine's processor). */
export async function readImageConfig(
  client: RegistryClient,
  repository: string,
  reference: string,
  platform: string = hostPlatform(),
): Promise<ImageConfig> {
  const { stored, config } = await readPlatformImage(client, repository, reference, platform);
  const { Entrypoint, Cmd, Env, WorkingDir, User, Labels } = config.config ?? {};
  return {
    digest: stored.descriptor.digest,
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
    env: Object.fromEntries((Env ?? []).map(splitVariable)),
    workingDir: WorkingDir || "/",
    user: User ?? "",
    labels: Labels ?? {},
  };
}

/** Reads manifest and configuration of one platform; throws DomainError `image-absent` or `platform-absent`. */
export async function readPlatformImage(
  client: RegistryClient,
  repository: string,
  reference: string,
  platform: string = hostPlatform(),
): Promise<PlatformImage> {
  const stored = await client.getManifest(repository, reference);
  const origin = `${client.registry}/${repository}@${stored.descriptor.digest}`;
  const document = parseManifest(stored.bytes, origin, stored.descriptor.mediaType);
  if (document.kind === "index") {
    const { digest } = choosePlatform(document.index, platform, origin);
    return readPlatformImage(client, repository, digest, platform);
  }
  const { config: descriptor } = document.manifest;
  const bytes = await readBody(await client.getBlob(repository, descriptor), 8 << 20);
  const config = parseConfig(bytes, `Configuration ${descriptor.digest} of ${origin}`);
  return { stored, manifest: document.manifest, mediaType: document.mediaType, config };
}

/** The platform of images that this machine runs, for instance `linux/amd64`. */
export function hostPlatform(): string {
  const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return `linux/${architectures[process.arch] ?? process.arch}`;
}

/** The numbers of an image's user: 0 where it names none or root, undefined where it is another name. A missing group is 0, as in a container. */
export function numericUser(user: string): { readonly uid: number; readonly gid: number } | undefined {
  const [uid = "", gid = ""] = user.split(":").map((part) => (part === "root" || part === "" ? "0" : part));
  const isNumeric = /^\d{1,10}$/.test(uid) && /^(?:\d{1,10})?$/.test(gid);
  return isNumeric ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

/** Parses an image's configuration; throws DomainError `config-invalid`. */
export function parseConfig(bytes: Uint8Array, origin: string): ConfigDocument {
  const result = v.safeParse(configSchema, parseJson(bytes, origin));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new DomainError(
    "config-invalid",
    `${origin} is no image configuration: ${v.getDotPath(issue) ?? "it"} ${issue.message}.`,
  );
}

function choosePlatform(index: Index, platform: string, origin: string): Descriptor {
  const [os, architecture, variant] = platform.split("/");
  const found = index.manifests.find(
    (entry) =>
      entry.platform?.os === os &&
      entry.platform?.architecture === architecture &&
      (variant === undefined || entry.platform?.variant === variant),
  );
  // An index with one unnamed image is how some builders write a single platform.
  const image =
    found ?? (index.manifests.length === 1 && !index.manifests[0]?.platform ? index.manifests[0] : undefined);
  if (image) return image;
  const names = index.manifests.map((entry) => `${entry.platform?.os ?? "?"}/${entry.platform?.architecture ?? "?"}`);
  throw new DomainError(
    "platform-absent",
    `Image ${origin} has no ${platform}, but ${names.join(", ") || "nothing"}.`,
    {
      hint: "Build the image for this platform too.",
    },
  );
}

function splitVariable(variable: string): [string, string] {
  const at = variable.indexOf("=");
  return at < 0 ? [variable, ""] : [variable.slice(0, at), variable.slice(at + 1)];
}

import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { digestOf } from "./digest.ts";
import type { ConfigDocument, PlatformImage } from "./image-config.ts";
import { type Descriptor, type Manifest, mediaTypes } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { ImageSource } from "./source.ts";
import type { WrittenLayer } from "./write-layer.ts";

/** What an image gets on top of another one. */
export interface Appended {
  readonly layer: WrittenLayer;
  /** The layer's file. */
  readonly file: string;
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Replaces the base's entrypoint and, as in a Dockerfile, drops its command; undefined keeps both. */
  readonly entrypoint: readonly string[] | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  /** For the image's history. */
  readonly createdBy: string;
}

/** The base that is built upon, and where it is. */
export interface BaseImage {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly image: PlatformImage;
}

/** Makes an image of a base and one more layer, ready to be pushed. It is of the base's own family (OCI or docker), which allows no mix of media types. */
export function appendLayer(base: BaseImage, appended: Appended): ImageSource {
  const isOci = base.image.mediaType === mediaTypes.ociManifest;
  const configBytes = Buffer.from(JSON.stringify(nextConfig(base.image.config, appended)));
  const config: Descriptor = {
    mediaType: base.image.manifest.config.mediaType,
    digest: digestOf(configBytes),
    size: configBytes.length,
  };
  const layer: Descriptor = { mediaType: isOci ? mediaTypes.ociLayer : mediaTypes.dockerLayer, ...appended.layer };
  const { layers } = base.image.manifest;
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: base.image.mediaType,
    config,
    layers: [...layers, layer],
    ...(isOci ? { annotations: { "org.opencontainers.image.base.digest": base.image.stored.descriptor.digest } } : {}),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const root = { mediaType: base.image.mediaType, digest: digestOf(bytes), size: bytes.length };
  const own = new Map<string, () => Readable>([
    [root.digest, () => Readable.from([bytes])],
    [config.digest, () => Readable.from([configBytes])],
    [layer.digest, () => createReadStream(appended.file, { highWaterMark: 1 << 20 })],
  ]);
  return {
    description: `sources on ${base.client.registry}/${base.repository}`,
    root,
    name: undefined,
    storedIn: ({ digest }) =>
      own.has(digest) ? undefined : { registry: base.client.registry, repository: base.repository },
    open: async (blob) => own.get(blob.digest)?.() ?? base.client.getBlob(base.repository, blob),
    [Symbol.asyncDispose]: async () => {},
  };
}

function nextConfig(base: ConfigDocument, appended: Appended): ConfigDocument {
  const created = appended.createdAt.toISOString().replace(".000Z", "Z");
  const previous = base.config ?? {};
  const command = appended.entrypoint ? { Entrypoint: [...appended.entrypoint], Cmd: null } : {};
  const history = { created, created_by: appended.createdBy };
  return {
    ...base,
    created,
    config: {
      ...previous,
      ...command,
      Env: mergeEnv(previous.Env ?? [], appended.env),
      WorkingDir: appended.workingDirectory,
      Labels: { ...previous.Labels, ...appended.labels },
    },
    rootfs: { ...base.rootfs, diff_ids: [...base.rootfs.diff_ids, appended.layer.digest] },
    // A base without a history must not get one of fewer entries than layers.
    ...(base.history?.length || base.rootfs.diff_ids.length === 0
      ? { history: [...(base.history ?? []), history] }
      : {}),
  };
}

function mergeEnv(base: readonly string[], added: Readonly<Record<string, string>>): string[] {
  const kept = base.filter((variable) => !Object.hasOwn(added, variable.split("=", 1)[0] ?? ""));
  return [...kept, ...Object.entries(added).map(([name, value]) => `${name}=${value}`)];
}

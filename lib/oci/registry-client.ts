import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { DomainError } from "../error.ts";
import { exec as defaultExec, type Exec } from "../exec.ts";
import type { Log } from "../log.ts";
import { type BlobUpload, uploadBlob } from "./blob-upload.ts";
import { createCloudRepository } from "./cloud-credentials.ts";
import { checkContent, digestOf } from "./digest.ts";
import { type ExchangeDeadlines, readBody } from "./http-exchange.ts";
import { acceptManifests, type Descriptor, type StoredManifest } from "./manifest.ts";
import { isDigest } from "./reference.ts";
import { createLogin } from "./registry-login.ts";
import { type Patience, RegistryRetry, type RetryBudget } from "./registry-retry.ts";
import { deleteScope, pullScope, pushScope } from "./registry-scope.ts";
import { type RegistryRequest, type RegistryResponse, RegistryTransport } from "./registry-transport.ts";

export interface RegistryOptions {
  /** `host[:port]`. */
  readonly registry: string;
  /** Default `auto`: plain HTTP for this machine only. */
  readonly plainHttp?: boolean | "auto";
  /** False: certificates are not checked, and plain HTTP is used where HTTPS is not spoken. Default true. */
  readonly tlsVerify?: boolean;
  /** Default is what docker's or podman's configuration holds for this registry. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal?: AbortSignal;
  readonly exec?: Exec;
  readonly retry?: RetryBudget;
  readonly deadlines?: Partial<ExchangeDeadlines>;
}

/** Opens a client of one registry; nothing is sent until it is used. Dispose it to close its connections. */
export function openRegistry(options: RegistryOptions): RegistryClient {
  return new RegistryClient(options);
}

/** An answer that was read whole. */
type RegistryAnswer = Pick<RegistryResponse, "status" | "headers"> & { readonly bytes: Buffer };

/** Speaks the OCI distribution API with one registry. Failures are DomainErrors whose codes tell absent, unreachable, unauthorised, full and broken apart. */
export class RegistryClient implements Disposable {
  readonly registry: string;
  readonly #options: RegistryOptions;
  readonly #transport: RegistryTransport;
  readonly #retry: RegistryRetry;

  constructor(options: RegistryOptions) {
    const { registry, username, password, env, signal } = options;
    this.registry = registry;
    this.#options = options;
    this.#retry = new RegistryRetry(options);
    this.#transport = new RegistryTransport({
      registry,
      plainHttp: options.plainHttp ?? "auto",
      tlsVerify: options.tlsVerify ?? true,
      credentials: createLogin({ registry, username, password, env, exec: options.exec ?? defaultExec }),
      env,
      deadlines: { connectMs: 10_000, progressMs: 60_000, responseMs: 300_000, ...options.deadlines },
      signal,
    });
  }

  /** What the registry is spoken to by, known for sure once it has answered. */
  get scheme(): "http" | "https" {
    return this.#transport.scheme;
  }

  /** What answers there: a registry that lets us in, one that does not, or no registry at all. Throws when nothing answers. */
  async ping(): Promise<"ok" | "unauthorized" | "absent"> {
    try {
      const expected = [200, 404, 405];
      const response = await this.#call("answer", { method: "GET", target: "/v2/", scopes: [], expected });
      response.body.resume();
      return response.status === 200 ? "ok" : "absent";
    } catch (error) {
      if (error instanceof DomainError && error.code === "registry-unauthorized") return "unauthorized";
      throw error;
    }
  }

  /** The descriptor of a tag or digest; undefined when the registry says that it has none. */
  async headManifest(repository: string, reference: string, patience?: Patience): Promise<Descriptor | undefined> {
    const request: RegistryRequest = {
      method: "HEAD",
      target: `/v2/${repository}/manifests/${reference}`,
      scopes: [pullScope(repository)],
      expected: [200, 404],
      headers: { accept: acceptManifests },
    };
    const response = await this.#call(`look up ${repository}:${reference}`, request, patience);
    response.body.resume();
    if (response.status === 404) return undefined;
    const digest = String(response.headers["docker-content-digest"] ?? "");
    const size = Number(response.headers["content-length"]);
    // Both headers are optional in the specification: without them only the content itself tells.
    if (!isDigest(digest) || !Number.isSafeInteger(size))
      return (await this.getManifest(repository, reference)).descriptor;
    return { mediaType: String(response.headers["content-type"] ?? ""), digest, size };
  }

  /** The manifest itself, checked against the digest asked for. Throws DomainError `image-absent` when there is none. */
  async getManifest(repository: string, reference: string): Promise<StoredManifest> {
    const name = `${this.registry}/${repository}${isDigest(reference) ? "@" : ":"}${reference}`;
    const { status, headers, bytes } = await this.ask(`read ${name}`, {
      method: "GET",
      target: `/v2/${repository}/manifests/${reference}`,
      scopes: [pullScope(repository)],
      expected: [200, 404],
      headers: { accept: acceptManifests },
    });
    if (status === 404)
      throw new DomainError("image-absent", `Image ${name} does not exist.`, {
        hint: "Check its name; or push it first.",
      });
    const digest = digestOf(bytes);
    if (reference.startsWith("sha256:") && reference !== digest) {
      throw new DomainError("content-damaged", `Manifest ${name} is damaged: its content has the digest ${digest}.`, {
        hint: "Delete it in the registry and push again.",
      });
    }
    return {
      descriptor: { mediaType: String(headers["content-type"] ?? ""), digest, size: bytes.length },
      bytes,
    };
  }

  /** A request that has no method of its own here; its whole answer, at most 4 MiB, is read within the retries. */
  async ask(doing: string, request: RegistryRequest): Promise<RegistryAnswer> {
    return this.#retry.run(doing, async () => {
      const { status, headers, body } = await this.#transport.send(request);
      return { status, headers, bytes: await readBody(body, 4 << 20) };
    });
  }

  /** Stores a manifest under a tag or its digest. A lost answer is settled by asking what is there. */
  async putManifest(repository: string, reference: string, manifest: StoredManifest): Promise<void> {
    const { digest, mediaType } = manifest.descriptor;
    await this.#retry.run(`store manifest ${repository}:${reference}`, async (attempt) => {
      if (attempt > 1 && (await this.headManifest(repository, reference))?.digest === digest) return;
      const response = await this.#transport.send({
        method: "PUT",
        target: `/v2/${repository}/manifests/${reference}`,
        scopes: [pushScope(repository)],
        expected: [201],
        headers: { "content-type": mediaType, "content-length": manifest.bytes.length },
        body: manifest.bytes,
      });
      response.body.resume();
    });
  }

  /** The stored size of a blob in bytes; undefined when the registry says that it has none. */
  async headBlob(
    repository: string,
    digest: string,
    patience?: Patience,
  ): Promise<{ readonly size: number } | undefined> {
    const request: RegistryRequest = {
      method: "HEAD",
      target: `/v2/${repository}/blobs/${digest}`,
      scopes: [pullScope(repository)],
      expected: [200, 404],
    };
    const response = await this.#call(`look up blob ${digest} of ${repository}`, request, patience);
    response.body.resume();
    return response.status === 404 ? undefined : { size: Number(response.headers["content-length"] ?? Number.NaN) };
  }

  /** A blob's bytes; the stream fails at its end unless size and digest are right. Throws `blob-absent`. */
  async getBlob(repository: string, blob: { readonly digest: string; readonly size: number }): Promise<Readable> {
    const response = await this.#call(`read blob ${blob.digest} of ${repository}`, {
      method: "GET",
      target: `/v2/${repository}/blobs/${blob.digest}`,
      scopes: [pullScope(repository)],
      expected: [200, 404],
    });
    if (response.status === 404) {
      response.body.resume();
      throw new DomainError("blob-absent", `Blob ${blob.digest} is missing in ${this.registry}/${repository}.`, {
        hint: "Push the image again.",
      });
    }
    return pipeline(response.body, checkContent(blob, `${this.registry}/${repository}`), () => {});
  }

  /** Stores a blob; after a failure from where the registry has it, which is its start unless the registry kept the upload. */
  async putBlob(upload: BlobUpload): Promise<void> {
    const { repository, digest, size, begun } = upload;
    const percent = (offset: number) => Math.floor((offset / size) * 100);
    const onResume = (offset: number) =>
      this.#options.log.info(`Blob ${digest} of ${repository}: resumed at ${percent(offset)} %.`);
    const session = { location: begun };
    await this.#retry.run(`store blob ${digest} in ${repository}`, async (attempt) => {
      if (attempt > 1 && (await this.headBlob(repository, digest))?.size === size) return;
      const isGoingOn = attempt === 1 && begun !== undefined;
      const attempted = { scope: pushScope(repository), session, onResume: isGoingOn ? () => {} : onResume };
      await uploadBlob(this.#transport, upload, attempted);
    });
  }

  /** Tries what takes several exchanges that belong together, with this client's retries and errors. */
  async attempt<T>(
    doing: string,
    operation: (transport: RegistryTransport, attempt: number) => Promise<T>,
  ): Promise<T> {
    return this.#retry.run(doing, (attempt) => operation(this.#transport, attempt));
  }

  /** Takes a blob out of a repository; false where it is not there or the registry does not delete. */
  async deleteBlob(repository: string, digest: string): Promise<boolean> {
    const response = await this.#call(`delete blob ${digest} of ${repository}`, {
      method: "DELETE",
      target: `/v2/${repository}/blobs/${digest}`,
      scopes: [deleteScope(repository)],
      expected: [202, 404, 405, 401, 403],
    });
    response.body.resume();
    return response.status === 202;
  }

  /** Makes the repository where the registry wants that before a push; false where that is not for us to do. */
  async createRepository(repository: string): Promise<boolean> {
    return createCloudRepository(this.registry, { repository, env: this.#options.env }, this.#transport.connection);
  }

  /** Makes a blob of another repository part of this one without moving it; false when the registry cannot. */
  async mountBlob(mount: { repository: string; digest: string; from: string }): Promise<boolean> {
    const query = new URLSearchParams({ mount: mount.digest, from: mount.from });
    const response = await this.#call(`mount blob ${mount.digest} of ${mount.from}`, {
      method: "POST",
      target: `/v2/${mount.repository}/blobs/uploads/?${query.toString()}`,
      scopes: [pushScope(mount.repository), pullScope(mount.from)],
      expected: [201, 202, 404],
      headers: { "content-length": 0 },
    });
    response.body.resume();
    return response.status === 201;
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #call(doing: string, request: RegistryRequest, patience?: Patience): Promise<RegistryResponse> {
    return this.#retry.run(doing, () => this.#transport.send(request), patience);
  }
}

import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { DomainError } from "../error.ts";
import { exec as defaultExec, type Exec } from "../exec.ts";
import type { Log } from "../log.ts";
import { retry } from "../retry.ts";
import { type BlobUpload, uploadBlob } from "./blob-upload.ts";
import { findCredentials } from "./credentials.ts";
import { checkContent, digestOf } from "./digest.ts";
import { type ExchangeDeadlines, readBody } from "./http-exchange.ts";
import { acceptManifests, type Descriptor, type StoredManifest } from "./manifest.ts";
import { isDigest } from "./reference.ts";
import { isTransient, RegistryStatusError, reasonOf, toDomainError } from "./registry-error.ts";
import { pullScope, pushScope } from "./registry-scope.ts";
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

/** How long a registry that failed is tried again; the defaults bear one that is away for a minute. */
export interface RetryBudget {
  readonly attempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
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
  readonly #budget: RetryBudget;
  #hasAnswered = false;

  constructor(options: RegistryOptions) {
    const { registry, username, password, env, signal } = options;
    this.registry = registry;
    this.#options = options;
    this.#budget = options.retry ?? { attempts: 12, baseMs: 250, maxMs: 15_000 };
    this.#transport = new RegistryTransport({
      registry,
      plainHttp: options.plainHttp ?? "auto",
      tlsVerify: options.tlsVerify ?? true,
      credentials: async () =>
        username !== undefined && password !== undefined
          ? { username, password }
          : findCredentials(registry, env, options.exec ?? defaultExec),
      env,
      deadlines: { connectMs: 10_000, progressMs: 60_000, responseMs: 300_000, ...options.deadlines },
      signal,
    });
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
  async headManifest(repository: string, reference: string): Promise<Descriptor | undefined> {
    const response = await this.#call(`look up ${repository}:${reference}`, {
      method: "HEAD",
      target: `/v2/${repository}/manifests/${reference}`,
      scopes: [pullScope(repository)],
      expected: [200, 404],
      headers: { accept: acceptManifests },
    });
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
    return this.#try(doing, async () => {
      const { status, headers, body } = await this.#transport.send(request);
      return { status, headers, bytes: await readBody(body, 4 << 20) };
    });
  }

  /** Stores a manifest under a tag or its digest. A lost answer is settled by asking what is there. */
  async putManifest(repository: string, reference: string, manifest: StoredManifest): Promise<void> {
    const { digest, mediaType } = manifest.descriptor;
    await this.#try(`store manifest ${repository}:${reference}`, async (attempt) => {
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
  async headBlob(repository: string, digest: string): Promise<{ readonly size: number } | undefined> {
    const response = await this.#call(`look up blob ${digest} of ${repository}`, {
      method: "HEAD",
      target: `/v2/${repository}/blobs/${digest}`,
      scopes: [pullScope(repository)],
      expected: [200, 404],
    });
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

  /** Stores a blob by one PUT, again from the start after a failure; what `open` gives is checked while it is sent. */
  async putBlob(upload: BlobUpload): Promise<void> {
    await this.#try(`store blob ${upload.digest} in ${upload.repository}`, async (attempt) => {
      if (attempt > 1 && (await this.headBlob(upload.repository, upload.digest))?.size === upload.size) return;
      await uploadBlob(this.#transport, upload, pushScope(upload.repository));
    });
  }

  /** Makes a blob of another repository part of this one without moving it; false when the registry cannot. */
  async mountBlob(mount: { repository: string; digest: string; from: string }): Promise<boolean> {
    const query = new URLSearchParams({ mount: mount.digest, from: mount.from });
    const response = await this.#call(`mount blob ${mount.digest} of ${mount.from}`, {
      method: "POST",
      target: `/v2/${mount.repository}/blobs/uploads/?${query.toString()}`,
      scopes: [pushScope(mount.repository), pullScope(mount.from)],
      expected: [201, 202],
      headers: { "content-length": 0 },
    });
    response.body.resume();
    return response.status === 201;
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #call(doing: string, request: RegistryRequest): Promise<RegistryResponse> {
    return this.#try(doing, () => this.#transport.send(request));
  }

  async #try<T>(doing: string, operation: (attempt: number) => Promise<T>): Promise<T> {
    const { log, signal } = this.#options;
    let silences = 0;
    try {
      const result = await retry(operation, {
        ...this.#budget,
        retryable: (error) => {
          this.#hasAnswered ||= error instanceof RegistryStatusError;
          // A registry that never answered is more likely misnamed than restarting.
          return isTransient(error) && (this.#hasAnswered || ++silences < 3);
        },
        delayMs: (error) => waitAsked(error),
        onRetry: (error, attempt, delayMs) =>
          log.info(
            `Registry ${this.registry} did not ${doing} (${reasonOf(error)}); attempt ${attempt + 1} in ${Math.round(delayMs)} ms.`,
          ),
        ...(signal ? { signal } : {}),
      });
      this.#hasAnswered = true;
      return result;
    } catch (error) {
      throw toDomainError(error, doing, this.registry);
    }
  }
}

function waitAsked(error: unknown): number | undefined {
  if (!(error instanceof RegistryStatusError) || error.retryAfterMs === undefined) return undefined;
  return Math.min(error.retryAfterMs, 120_000);
}

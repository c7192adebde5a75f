import { DomainError, describeError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";
import { openRegistryImage } from "../../lib/oci/registry-source.ts";
import type { ImageSource } from "../../lib/oci/source.ts";
import { escapeMarkdown } from "../../lib/report/markdown.ts";
import { formatSize } from "../../lib/size.ts";
import type { Inputs, Target } from "./inputs.ts";
import type { Outputs, TargetResult } from "./outputs.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "summary" | "mask">;

/** A semantic version, a `v` before it or not; build metadata cannot be part of a tag. */
const versionTag = /^v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;

/**
 * Gives an image to every target under the same digest: blobs are mounted where the registry has them, else streamed from the source. A target
 * that fails does not stop the others; requirePromoted tells afterwards.
 */
export async function promoteImage(inputs: Inputs, deps: Deps): Promise<Outputs> {
  for (const { password } of inputs.credentials.values()) deps.mask(password);
  using clients = openClients(inputs, deps);
  const { digest, repository } = inputs.source;
  const registry = inputs.source.registry ?? (await chooseRegistry({ ...inputs, ...deps })).push;
  // Not disposed: its client is one of ours. A source that is absent fails here, before any target is touched.
  const source = await openRegistryImage(clients.of(registry), repository, digest);

  // Targets in one registry take turns, so that a later one can mount what an earlier one got.
  const groups = [...Map.groupBy(inputs.targets, (target) => target.registry).values()];
  const results = await Promise.all(groups.map((targets) => promoteTo(targets, source, { clients, inputs, deps })));
  const targets = inputs.targets.flatMap(
    (target) => results.flat().find(({ reference }) => reference === target.reference) ?? [],
  );
  if (inputs.summary) await deps.summary(formatSummary(digest, targets));
  return { digest, targets };
}

/** Throws DomainError `promotion-incomplete` that names each target that did not get the image, and why. */
export function requirePromoted({ targets, digest }: Outputs): void {
  const missing = targets.filter(({ status }) => status === "failed" || status === "refused");
  if (missing.length === 0) return;
  const lines = missing.map(({ reference, error }) => `- ${reference}: ${error}`);
  throw new DomainError(
    "promotion-incomplete",
    `${missing.length} of ${targets.length} targets did not get ${digest}:\n${lines.join("\n")}`,
    { hint: "Run it again when the cause is gone: what was copied is not sent again.", retryable: true },
  );
}

interface Context {
  readonly clients: Clients;
  readonly inputs: Inputs;
  readonly deps: Deps;
}

async function promoteTo(targets: readonly Target[], source: ImageSource, context: Context): Promise<TargetResult[]> {
  const { log, signal } = context.deps;
  const results: TargetResult[] = [];
  let from = source;
  for (const target of targets) {
    const { reference, registry, repository } = target;
    try {
      const result = await promote(target, from, context);
      results.push(result);
      log.info(
        `${reference}: ${result.status}, ${formatSize(result.bytes)} sent.${result.error ? ` ${result.error}` : ""}`,
      );
      if (result.status === "copied" || result.status === "unchanged")
        from = storedAlso(source, { registry, repository });
    } catch (error) {
      signal.throwIfAborted();
      log.warning(`${reference}: ${describeError(error)}`);
      results.push({ reference, status: "failed", bytes: 0, error: describeError(error) });
    }
  }
  return results;
}

async function promote(target: Target, source: ImageSource, { clients, inputs, deps }: Context): Promise<TargetResult> {
  const { reference, repository, tag } = target;
  const { digest } = inputs.source;
  const client = clients.of(target.registry);
  const found = await client.headManifest(repository, tag ?? digest);
  if (found && found.digest !== digest && tag !== undefined && versionTag.test(tag)) {
    const error = `Version ${tag} is another image there, ${found.digest}; a version is never moved.`;
    return { reference, status: "refused", bytes: 0, error };
  }
  if (inputs.dryRun) return { reference, status: found?.digest === digest ? "unchanged" : "planned", bytes: 0 };
  const { parallel } = inputs;
  const tags = tag === undefined ? [] : [tag];
  const { pushedBytes } = await pushImage({ source, client, repository, tags, parallel, log: deps.log });
  const isNew = pushedBytes > 0 || found?.digest !== digest;
  return { reference, status: isNew ? "copied" : "unchanged", bytes: pushedBytes };
}

/** The source, whose blobs another repository has as well by now. */
function storedAlso(
  source: ImageSource,
  place: { readonly registry: string; readonly repository: string },
): ImageSource {
  return {
    ...source,
    storedIn: (blob) => {
      const origin = source.storedIn(blob);
      return origin?.registry === place.registry ? origin : place;
    },
  };
}

interface Clients extends Disposable {
  of(registry: string): RegistryClient;
}

/** One client for each registry: its connections and tokens serve all targets. */
function openClients({ credentials, tlsVerify }: Inputs, deps: Deps): Clients {
  const open = new Map<string, RegistryClient>();
  return {
    of: (registry) => {
      const client = open.get(registry) ?? openRegistry({ registry, tlsVerify, ...credentials.get(registry), ...deps });
      open.set(registry, client);
      return client;
    },
    [Symbol.dispose]: () => {
      for (const client of open.values()) client[Symbol.dispose]();
    },
  };
}

function formatSummary(digest: string, targets: readonly TargetResult[]): string {
  const rows = targets.map(
    ({ reference, status, bytes, error = "" }) =>
      `| ${escapeMarkdown(reference)} | ${status} | ${formatSize(bytes)} | ${escapeMarkdown(error)} |`,
  );
  return [
    "## Promoted image",
    `\`${digest}\``,
    ["| target | status | sent | |", "|---|---|---|---|", ...rows].join("\n"),
    "",
  ].join("\n\n");
}

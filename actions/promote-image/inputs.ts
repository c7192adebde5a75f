import { InputError } from "../../lib/error.ts";
import { flag, type GetInput, integer, list, requiredText, text } from "../../lib/input.ts";
import { isRegistry, parseNamed } from "../../lib/oci/reference.ts";

/** A place that the image is to have. */
export interface Target {
  /** As it was given. */
  readonly reference: string;
  readonly registry: string;
  readonly repository: string;
  /** Undefined: stored by its digest alone. */
  readonly tag: string | undefined;
}

/** Reads the inputs of action.yml; throws InputError for the first wrong one, and never shows a credential. */
export function readInputs(get: GetInput) {
  const source = readSource(requiredText(get, "source"));
  const registry = requiredText(get, "registry");
  if (registry !== "auto" && !isRegistry(registry)) {
    throw new InputError("registry", registry, "auto, or host[:port] such as localhost:32000");
  }
  return {
    source,
    targets: readTargets(list(get, "targets"), source.digest),
    credentials: readCredentials(get),
    tlsVerify: flag(get, "tls-verify"),
    parallel: integer(get, "parallel", 1, 16),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    registry,
    dryRun: flag(get, "dry-run"),
    summary: flag(get, "summary"),
  };
}

export type Inputs = ReturnType<typeof readInputs>;

function readSource(source: string) {
  const named = parseNamed(source);
  if (named?.digest === undefined)
    throw new InputError("source", source, "REPOSITORY@sha256:… such as acme/app@sha256:…");
  return { registry: named.registry, repository: named.repository, digest: named.digest };
}

function readTargets(references: readonly string[], digest: string): readonly Target[] {
  if (references.length === 0)
    throw new InputError("targets", "", "at least one full reference such as ghcr.io/acme/app:1.4.0");
  return [...new Set(references)].map((reference) => {
    const named = parseNamed(reference);
    if (named?.registry === undefined) {
      throw new InputError("targets", reference, "full references with their registry, such as ghcr.io/acme/app:1.4.0");
    }
    if (named.digest !== undefined && named.digest !== digest) {
      throw new InputError("targets", reference, `no other digest than the source's, ${digest}`);
    }
    return { reference, registry: named.registry, repository: named.repository, tag: named.tag };
  });
}

// Not by the parser of maps, which would show a line that it does not understand.
function readCredentials(get: GetInput) {
  const entries = list(get, "credentials").map((line) => {
    const [, host = "", username, password] = /^([^\s=]+)=([^:]+):(.*)$/.exec(line) ?? [];
    if (username === undefined || password === undefined || !isRegistry(host)) {
      throw new InputError("credentials", "(not shown)", "lines of HOST=USERNAME:PASSWORD");
    }
    return [host, { username, password }] as const;
  });
  return new Map(entries);
}

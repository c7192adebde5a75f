import { createHash } from "node:crypto";
import type { ContextFile } from "./build-context.ts";

/** A base image and the digest its reference stands for; undefined where that could not be found out. */
export interface BaseImage {
  readonly reference: string;
  readonly digest: string | undefined;
}

/** Everything that decides what a build makes. */
export interface BuildInputs {
  readonly dockerfile: string;
  readonly target: string | undefined;
  /** Build arguments that reach a stage; one that only chooses a base image counts by the base's digest. */
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  readonly files: readonly ContextFile[];
  readonly bases: readonly BaseImage[];
}

/** Label that holds the inputs hash, 64 hex digits. */
export const inputsHashLabel = "gpu-ci.inputs-hash";

/** Label that holds the base images of a build: a JSON array of `reference@digest`, or the bare reference where no digest was known. */
export const basesLabel = "gpu-ci.bases";

/** The sha256 over all inputs of a build, in hex; equal inputs give equal hashes on every machine. */
export function inputsHash(inputs: BuildInputs): string {
  const canonical = [
    "gpu-ci inputs 1",
    inputs.dockerfile.replaceAll("\r\n", "\n"),
    inputs.target ?? "",
    sorted(inputs.args),
    sorted(inputs.labels),
    [...inputs.platforms].sort(),
    inputs.files.map(({ path, kind, sha256 }) => [path, kind, sha256]),
    inputs.bases.map(({ reference, digest }) => digest ?? reference),
  ];
  return createHash("sha256").update(JSON.stringify(canonical)).digest("hex");
}

/** The tag under which the image of these inputs is found again: `inputs-` and the first 32 hex digits. */
export function inputsTag(hash: string): string {
  return `inputs-${hash.slice(0, 32)}`;
}

/** The text of the label `gpu-ci.bases`. */
export function formatBases(bases: readonly BaseImage[]): string {
  return JSON.stringify(
    bases.map(({ reference, digest }) => (digest ? `${reference.split("@")[0]}@${digest}` : reference)),
  );
}

/** Reads the label `gpu-ci.bases`; undefined when it is absent or no such list. */
export function parseBases(label: string | undefined): readonly BaseImage[] | undefined {
  if (label === undefined) return undefined;
  try {
    const entries: unknown = JSON.parse(label);
    if (!Array.isArray(entries)) return undefined;
    return entries.map((entry) => {
      const [reference = "", digest] = String(entry).split("@");
      return { reference, digest };
    });
  } catch {
    return undefined;
  }
}

function sorted(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1));
}

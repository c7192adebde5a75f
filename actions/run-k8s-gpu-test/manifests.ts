import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { glob } from "tinyglobby";
import { InputError } from "../../lib/error.ts";
import { type ManifestObject, parseManifest } from "../../lib/kubernetes/manifest.ts";
import { secretForms } from "../../lib/secret-forms.ts";
import { renderTemplate } from "../../lib/template.ts";
import { TemplateError } from "../../lib/template-token.ts";
import { type ManifestValues, registryOf } from "./manifest-values.ts";

/** A template as it is on disk. */
export interface ManifestFile {
  /** Relative to the working directory. */
  readonly path: string;
  readonly source: string;
}

/** What a rendering takes beside the files. */
export interface RenderOptions {
  readonly image: string;
  readonly namespace: string;
  readonly env: Readonly<Record<string, string>>;
  /** May stand in Secrets and nowhere else. */
  readonly secretEnv: Readonly<Record<string, string>>;
  readonly values: ManifestValues;
  readonly now: Date;
}

const input = "manifests";

/** Reads the files that the patterns name, in the order of the patterns; throws InputError for one that names none. */
export async function readManifests(
  patterns: readonly string[],
  workingDirectory: string,
): Promise<readonly ManifestFile[]> {
  const cwd = resolve(workingDirectory);
  const paths = new Set<string>();
  for (const pattern of patterns) {
    const found = await glob([pattern], { cwd, absolute: true, dot: true });
    if (found.length === 0) throw new InputError(input, pattern, `files in ${cwd}, or patterns that match some`);
    for (const path of found.toSorted()) paths.add(path);
  }
  return Promise.all(
    [...paths].map(async (path) => ({ path: relative(cwd, path), source: await readFile(path, "utf8") })),
  );
}

/** Renders all files and reads their objects; throws InputError for the first thing that is wrong, and then nothing has been made. */
export function renderManifests(files: readonly ManifestFile[], options: RenderOptions): readonly ManifestObject[] {
  const objects = files.flatMap(({ path, source }) =>
    parseManifest(input, path, renderFile({ path, source }, options)),
  );
  const made = objects.filter((object) => !isOwnNamespace(object, options.namespace));
  const seen = new Set<string>();
  for (const object of made) {
    const { kind, metadata } = object;
    const name = `${kind} ${metadata.name}`;
    if (seen.has(name)) throw new InputError(input, name, "each object once");
    seen.add(name);
    if (kind === "Namespace" || (metadata.namespace ?? options.namespace) !== options.namespace)
      throw new InputError(
        input,
        `${name} in ${metadata.namespace ?? metadata.name}`,
        `objects in namespace ${options.namespace}`,
        "Namespaces are made by whoever installs; the input namespace chooses one.",
      );
    const shown = kind === "Secret" ? undefined : findSecret(object, options.secretEnv);
    if (shown) throw new InputError(input, name, `no secret outside of a Secret; ${shown} stands in it`);
  }
  return made;
}

function renderFile({ path, source }: ManifestFile, options: RenderOptions): string {
  const { image, namespace, values, now } = options;
  const env = { ...options.env, ...options.secretEnv };
  const own = { ...values.run, Image: image, Registry: registryOf(image), Namespace: namespace };
  try {
    return renderTemplate(source, { values: { ...own, ...env, duat: values.duat, Env: env }, env, now });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const hint = "Variables of env and secret-env are known by their names; the environment of this step is not.";
    throw new InputError(input, `${path}:${error.line}: ${error.found}`, error.allowed, hint);
  }
}

/** Templates of whole namespaces begin with the namespace itself: it is there already. */
function isOwnNamespace({ kind, metadata }: ManifestObject, namespace: string): boolean {
  return kind === "Namespace" && metadata.name === namespace;
}

/** The name of a secret whose value stands in the object in any form. */
function findSecret(object: ManifestObject, secretEnv: Readonly<Record<string, string>>): string | undefined {
  const text = JSON.stringify(object);
  return Object.keys(secretEnv).find((name) =>
    [...secretForms(secretEnv[name] ?? "")].some((form) => text.includes(form)),
  );
}

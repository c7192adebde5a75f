import { isMap, isScalar, LineCounter, parseAllDocuments, visit } from "yaml";
import { InputError } from "../error.ts";
import type { ApiObject } from "./resource.ts";

/** An object as a manifest has it, with its kind and name. */
export interface ManifestObject extends ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: NonNullable<ApiObject["metadata"]> & { readonly name: string };
  readonly spec?: unknown;
}

const objectName = /^[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?$/;

/** Reads the YAML or JSON documents of a rendered manifest, Lists opened; throws InputError that names the place and what is allowed there. */
export function parseManifest(input: string, file: string, text: string): readonly ManifestObject[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines });
  if ("empty" in documents) return [];
  return documents.flatMap((document) => {
    const [fault] = document.errors;
    const start = document.contents?.range?.[0] ?? 0;
    const place = `${file}, rendered line ${fault ? fault.linePos?.[0].line : lines.linePos(start).line}`;
    if (fault) throw new InputError(input, place, "YAML documents of Kubernetes objects", fault.message);
    visit(document, {
      Pair(_key, { key, value }) {
        // What a template left empty would be null, and silently the field's default.
        if (
          isScalar(value) &&
          value.value === null &&
          isScalar(key) &&
          ["name", "namespace", "image"].includes(String(key.value))
        )
          throw new InputError(input, place, `a value for ${String(key.value)}`);
      },
    });
    const content: unknown = document.toJS();
    if (content === null || content === undefined) return [];
    if (!isMap(document.contents)) throw new InputError(input, place, "a map with apiVersion, kind and metadata.name");
    return openList(content).map((object) => checkObject(object, input, place));
  });
}

function openList(content: unknown): readonly unknown[] {
  const { kind, items } = Object(content) as { kind?: unknown; items?: unknown };
  return kind === "List" && Array.isArray(items) ? items : [content];
}

function checkObject(content: unknown, input: string, place: string): ManifestObject {
  const { apiVersion, kind, metadata } = Object(content) as Readonly<Record<string, unknown>>;
  const { name } = Object(metadata) as Readonly<Record<string, unknown>>;
  if (typeof apiVersion !== "string" || typeof kind !== "string")
    throw new InputError(input, place, "objects with apiVersion and kind");
  if (typeof name !== "string" || !objectName.test(name))
    throw new InputError(
      input,
      `${place}: ${kind} ${JSON.stringify(name ?? null)}`,
      "metadata.name of a-z, 0-9, - and .",
    );
  return content as ManifestObject;
}

import { DomainError } from "../error.ts";

/** Splits what git prints with `-z`; throws DomainError `path-not-utf8`, as an image's paths have to be text. */
export function splitRecords(output: string): readonly string[] {
  const records = output.split("\0").filter((record) => record !== "");
  const broken = records.find((record) => record.includes("\uFFFD"));
  if (broken === undefined) return records;
  throw new DomainError("path-not-utf8", `The path ${JSON.stringify(broken)} is not UTF-8.`, {
    hint: "Rename the file.",
  });
}

/** Orders paths by their bytes, the same on every machine. */
export function comparePaths(a: { readonly path: string }, b: { readonly path: string }): number {
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));
}

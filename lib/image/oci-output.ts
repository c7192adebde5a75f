import type { BuildRequest } from "./builder.ts";

/** The exporter of BuildKit that writes an OCI image layout; `buildctl` and buildx spell it alike. */
export function ociOutput(request: BuildRequest): string {
  // Compressed once, fast and small; a push then sends these bytes as they are.
  const compression = "compression=zstd,compression-level=1,oci-mediatypes=true";
  const stamp = request.epochSeconds === undefined ? "" : ",rewrite-timestamp=true";
  return `type=oci,dest=${request.layout},tar=false,${compression}${stamp}`;
}

/** BuildKit takes the time of the image from this variable: https://reproducible-builds.org/docs/source-date-epoch/ */
export function sourceDateEpoch(request: BuildRequest): Readonly<Record<string, string>> {
  return request.epochSeconds === undefined ? {} : { SOURCE_DATE_EPOCH: String(request.epochSeconds) };
}

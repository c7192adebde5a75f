import type { Readable } from "node:stream";
import type { Descriptor } from "./manifest.ts";

/** An image, wherever it lies, that can be read as a manifest or index and its blobs. */
export interface ImageSource extends AsyncDisposable {
  /** For messages, for instance `layout ./base`. */
  readonly description: string;
  readonly root: Descriptor;
  /** What the source itself calls the image, for instance `acme/base:1.2`; undefined when it does not. */
  readonly name: string | undefined;
  /** Where in a registry a blob is already, so that it can be mounted; undefined when it is in none. */
  storedIn(blob: Descriptor): { readonly registry: string; readonly repository: string } | undefined;
  /** Opens a manifest's, a configuration's or a layer's bytes; whoever reads them checks them. */
  open(descriptor: Descriptor): Promise<Readable>;
  /** The same for sending it on, where that is faster: each chunk is valid until the next one is asked for. */
  readonly read?: (descriptor: Descriptor) => AsyncIterable<Uint8Array>;
}

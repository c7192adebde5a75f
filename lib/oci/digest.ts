import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { DomainError } from "../error.ts";

/** The `sha256:…` digest of bytes that are at hand. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** What a stream must turn out to be. */
export interface Expected {
  readonly digest: string;
  readonly size: number;
}

/**
 * Passes bytes on and fails at their end with a DomainError `content-damaged` unless size and digest are as expected;
 * it fails as soon as there are too many bytes.
 */
export function checkContent(expected: Expected, origin: string): Transform {
  const hash = createHash(expected.digest.slice(0, expected.digest.indexOf(":")));
  let size = 0;
  return new Transform({
    writableHighWaterMark: 1 << 20,
    readableHighWaterMark: 1 << 20,
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      hash.update(chunk);
      if (size > expected.size) done(damaged(expected, origin, `more than the ${expected.size} bytes declared`));
      else done(null, chunk);
    },
    flush(done) {
      const found = `${expected.digest.split(":")[0]}:${hash.digest("hex")}`;
      if (size !== expected.size) done(damaged(expected, origin, `${size} bytes instead of ${expected.size}`));
      else if (found !== expected.digest) done(damaged(expected, origin, `content with the digest ${found}`));
      else done();
    },
  });
}

/** Throws DomainError `content-damaged` when there are more bytes than expected or, of all of them, fewer. */
export function checkSize(expected: Expected, origin: string, { sum, isAll }: { sum: number; isAll: boolean }): void {
  if (sum > expected.size) throw damaged(expected, origin, `more than the ${expected.size} bytes declared`);
  if (isAll && sum < expected.size) throw damaged(expected, origin, `${sum} bytes instead of ${expected.size}`);
}

function damaged(expected: Expected, origin: string, observed: string): DomainError {
  return new DomainError("content-damaged", `Blob ${expected.digest} of ${origin} is damaged: it has ${observed}.`, {
    hint: "Make or fetch the image again; nothing was written under this digest.",
  });
}

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
  const check = createCheck(expected, origin);
  return new Transform({
    writableHighWaterMark: 1 << 20,
    readableHighWaterMark: 1 << 20,
    transform(chunk: Buffer, _encoding, done) {
      const damage = check.add(chunk);
      if (damage) done(damage);
      else done(null, chunk);
    },
    flush(done) {
      done(check.end());
    },
  });
}

/** The same without a buffer of its own, for chunks that are valid until the next one is asked for. */
export async function* checkedChunks(
  chunks: AsyncIterable<Uint8Array>,
  expected: Expected,
  origin: string,
): AsyncGenerator<Uint8Array> {
  const check = createCheck(expected, origin);
  for await (const chunk of chunks) {
    const damage = check.add(chunk);
    if (damage) throw damage;
    yield chunk;
  }
  const damage = check.end();
  if (damage) throw damage;
}

function createCheck(expected: Expected, origin: string) {
  const algorithm = expected.digest.slice(0, expected.digest.indexOf(":"));
  const hash = createHash(algorithm);
  let size = 0;
  return {
    add(chunk: Uint8Array): DomainError | undefined {
      size += chunk.length;
      hash.update(chunk);
      if (size <= expected.size) return undefined;
      return damaged(expected, origin, `more than the ${expected.size} bytes declared`);
    },
    end(): DomainError | undefined {
      const found = `${algorithm}:${hash.digest("hex")}`;
      if (size !== expected.size) return damaged(expected, origin, `${size} bytes instead of ${expected.size}`);
      return found === expected.digest ? undefined : damaged(expected, origin, `content with the digest ${found}`);
    },
  };
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

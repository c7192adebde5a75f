import { isMaskable, secretForms } from "./secret-forms.ts";

const stars = Buffer.from("***");
/** A power of two: few of them are in a pattern even when there are many, and the table stays in the processor's cache. */
const blocks = 131_072;

/** Replaces secrets in a stream of bytes by `***`. */
export interface SecretMask {
  /**
   * What is known to hold no secret; an end that may be the beginning of one is kept back for the next call. The answer is overwritten by
   * the next call.
   */
  push(bytes: Uint8Array): Uint8Array;
  /** What was kept back, and is no beginning of a secret after all. */
  end(): Uint8Array;
}

/** A part of the input that becomes one `***`. */
interface Run {
  readonly from: number;
  to: number;
}

/** All patterns, indexed for the search of Wu and Manber, "A fast algorithm for multi-pattern searching" (1994), with blocks of three bytes. */
interface Index {
  readonly window: number;
  readonly longest: number;
  /** How far the window may move when it ends in this block; 0 means that a pattern may match. */
  readonly shift: Uint8Array;
  /** Patterns by the block at which their first `window` bytes end, longest first. */
  readonly byBlock: ReadonlyMap<number, readonly Uint8Array[]>;
  readonly byFirstByte: readonly (readonly Uint8Array[] | undefined)[];
  /** 1 for bytes that are in a pattern. */
  readonly used: Uint8Array;
}

/** A mask for these secrets in all their forms, and for `literals` as they are. Values shorter than four characters are left out. */
export function createSecretMask(secrets: readonly string[], literals: readonly string[] = []): SecretMask {
  const forms = new Set([...secrets.flatMap((secret) => [...secretForms(secret)]), ...literals.filter(isMaskable)]);
  if (forms.size === 0) return { push: (bytes) => bytes, end: () => new Uint8Array() };
  const index = buildIndex([...forms].map((form) => Buffer.from(form)));
  // Every byte of a log passes here, so that one buffer is used again and again; stars are never longer than what they hide.
  let buffer = Buffer.alloc(0);
  let held: Uint8Array = new Uint8Array();
  /** Bytes of `held` that belong to a secret whose stars were given out already. */
  let heldMasked = 0;
  return {
    push(bytes) {
      const length = held.length + bytes.length;
      if (length > buffer.length) buffer = Buffer.allocUnsafe(length);
      buffer.set(held);
      buffer.set(bytes, held.length);
      const input = buffer.subarray(0, length);
      const keepFrom = startOfPossibleSecret(input, index);
      held = new Uint8Array(input.subarray(keepFrom));
      const runs = findSecrets(input, index, keepFrom, heldMasked);
      heldMasked = Math.max(0, (runs.at(-1)?.to ?? 0) - keepFrom);
      return input.subarray(0, writeStars(input, runs, keepFrom));
    },
    end() {
      // The beginning of one secret may be another one: a key's first lines, or a password that begins a longer one.
      const rest = held;
      const runs = findSecrets(rest, index, rest.length, heldMasked);
      held = new Uint8Array();
      heldMasked = 0;
      return rest.subarray(0, writeStars(rest, runs, rest.length));
    },
  };
}

/** Replaces secrets in whole texts, one after another: for reports, summaries and messages. */
export function createTextMask(secrets: readonly string[]): (text: string) => string {
  const mask = createSecretMask(secrets);
  return (text) => {
    const start = Buffer.from(mask.push(Buffer.from(text)));
    return Buffer.concat([start, mask.end()]).toString("utf8");
  };
}

/** Replaces secrets in one text. */
export function maskText(text: string, secrets: readonly string[]): string {
  return createTextMask(secrets)(text);
}

function buildIndex(patterns: readonly Buffer[]): Index {
  const longestFirst = patterns.toSorted((a, b) => b.length - a.length);
  const window = Math.min(255, ...patterns.map((pattern) => pattern.length));
  const shift = new Uint8Array(blocks).fill(window - 2);
  const byBlock = new Map<number, Buffer[]>();
  const byFirstByte: (Buffer[] | undefined)[] = Array.from({ length: 256 });
  const used = new Uint8Array(256);
  for (const pattern of longestFirst) {
    for (let end = 2; end < window; end++) {
      const block = blockAt(pattern, end);
      shift[block] = Math.min(shift[block] ?? 0, window - 1 - end);
    }
    const last = blockAt(pattern, window - 1);
    byBlock.set(last, [...(byBlock.get(last) ?? []), pattern]);
    for (const byte of pattern) used[byte] = 1;
    const first = pattern[0] ?? 0;
    byFirstByte[first] = [...(byFirstByte[first] ?? []), pattern];
  }
  return { window, longest: longestFirst[0]?.length ?? 0, shift, byBlock, byFirstByte, used };
}

/** Number of a block of three bytes; different blocks may have the same, which costs a comparison. */
function blockAt(bytes: Uint8Array, end: number): number {
  return (
    (((bytes[end - 2] as number) << 12) ^ ((bytes[end - 1] as number) << 6) ^ (bytes[end] as number)) & (blocks - 1)
  );
}

/** Where secrets are that begin before `until`. Overlapping ones are one run, so that no end of the second one shows. */
function findSecrets(input: Uint8Array, index: Index, until: number, alreadyMasked: number): Run[] {
  const { window, shift } = index;
  const widest = window - 2;
  const first = { from: 0, to: alreadyMasked };
  const runs: Run[] = [first];
  let last: Run = first;
  const lastEnd = Math.min(input.length, until + window - 1);
  for (let end = window - 1; end < lastEnd; ) {
    const step = shift[blockAt(input, end)] as number;
    // By far the most usual step has a branch of its own: the processor foresees it, and need not wait for the table to know where to look next.
    if (step === widest) {
      end += widest;
      continue;
    }
    if (step > 0) {
      end += step;
      continue;
    }
    const from = end - window + 1;
    const length = matchAt(input, from, index.byBlock.get(blockAt(input, end)) ?? []);
    if (length > 0 && from < last.to) last.to = Math.max(last.to, from + length);
    else if (length > 0) {
      last = { from, to: from + length };
      runs.push(last);
    }
    end++;
  }
  return runs;
}

/** Writes stars for all runs but the first, whose stars were given out before, over the input itself; gives the length of what is left. */
function writeStars(input: Uint8Array, runs: readonly Run[], until: number): number {
  let length = 0;
  for (const [at, { to }] of runs.entries()) {
    if (at > 0) {
      input.set(stars, length);
      length += stars.length;
    }
    const next = Math.min(until, runs[at + 1]?.from ?? until);
    if (next <= to) continue;
    if (length !== to) input.copyWithin(length, to, next);
    length += next - to;
  }
  return length;
}

/** Length of the longest pattern at `start`; 0 when there is none. */
function matchAt(input: Uint8Array, start: number, patterns: readonly Uint8Array[]): number {
  return (
    patterns.find((pattern) => pattern.length <= input.length - start && agree(input, start, pattern, pattern.length))
      ?.length ?? 0
  );
}

function agree(input: Uint8Array, start: number, pattern: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) {
    if (input[start + at] !== pattern[at]) return false;
  }
  return true;
}

/** Where the end of the input may be the beginning of a secret that goes on in the next bytes. */
function startOfPossibleSecret(input: Uint8Array, { longest, byFirstByte, used }: Index): number {
  const earliest = Math.max(0, input.length - longest + 1);
  let start = input.length;
  while (start > earliest && used[input[start - 1] as number] === 1) start--;
  for (; start < input.length; start++) {
    const left = input.length - start;
    const candidates = byFirstByte[input[start] ?? 0];
    if (candidates?.some((pattern) => pattern.length > left && agree(input, start, pattern, left))) return start;
  }
  return input.length;
}

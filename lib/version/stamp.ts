// duat's alphabet: no `l`, which reads like 1. It is in ASCII order, so stamps sort as text by time.
const alphabet = "abcdefghijkmnopqrstuvwxyz";

/**
 * Writes Unix seconds as duat's semver does: the 8 big-endian bytes as one number in base 25, with one leading `a` for each zero
 * byte. Stamps of our time are `aaaa` and 7 letters.
 */
export function formatStamp(unixSeconds: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(unixSeconds));
  const firstSet = bytes.findIndex((byte) => byte !== 0);
  const zeroBytes = firstSet === -1 ? bytes.length : firstSet;
  let digits = "";
  for (let rest = BigInt(unixSeconds); rest > 0n; rest /= 25n) digits = alphabet.charAt(Number(rest % 25n)) + digits;
  return "a".repeat(zeroBytes) + digits;
}

/** The Unix seconds of a stamp; undefined when the text is none that formatStamp writes. */
export function parseStamp(stamp: string): number | undefined {
  if (!/^[a-km-z]+$/.test(stamp)) return undefined;
  let value = 0n;
  for (const letter of stamp) value = value * 25n + BigInt(alphabet.indexOf(letter));
  const seconds = Number(value);
  return Number.isSafeInteger(seconds) && formatStamp(seconds) === stamp ? seconds : undefined;
}

/** The time that stamps are made of: SOURCE_DATE_EPOCH where it is set, else the commit's, in whole Unix seconds. */
export function stampSeconds(env: NodeJS.ProcessEnv, commitTime: Date): number {
  const epoch = env.SOURCE_DATE_EPOCH ?? "";
  return /^\d{1,15}$/.test(epoch) ? Number(epoch) : Math.floor(commitTime.getTime() / 1000);
}

/**
 * What was read of a log's last two seconds: enough to ask for it again and to know each line of the answer. The API can only be asked for whole
 * seconds, and lines of stdout and stderr may stand a little out of order: therefore two seconds, and counts in the order of arrival.
 */
export interface LogWindow {
  /** A new line begins in `chunk` at `start`, with a timestamp of `length` bytes. */
  note(chunk: Buffer, start: number, length: number): void;
  /** Undefined while no line has come. */
  replay(): Replay | undefined;
}

/** What an answer that begins at `sinceTime` holds of what is known already. */
export interface Replay {
  /** RFC 3339, whole seconds. */
  readonly sinceTime: string;
  readonly lines: number;
  readonly firstStamp: string;
  readonly lastStamp: string;
}

interface Bucket {
  readonly second: number;
  readonly firstStamp: string;
  /** Place of its first line among all lines. */
  readonly order: number;
  lines: number;
}

/** `2026-01-31T10:00:00`: the part of a timestamp that is the same for all lines of a second. */
const secondLength = 19;
/** With nanoseconds and an offset from UTC. */
const longestStamp = 35;

/** Starts with nothing read. */
export function createLogWindow(): LogWindow {
  let buckets: Bucket[] = [];
  let current: Bucket | undefined;
  let order = 0;
  // The last timestamp, in one place for all lines: this runs for every line.
  const last = Buffer.alloc(longestStamp);
  let lastLength = 0;
  return {
    note(chunk, start, length) {
      order++;
      const isSameSecond = isSame(chunk, start, last);
      for (let at = isSameSecond ? secondLength : 0; at < length; at++) last[at] = chunk[start + at] as number;
      lastLength = length;
      if (current === undefined || !isSameSecond) {
        current = bucketOf(buckets, chunk.toString("latin1", start, start + length), order);
        buckets = recent(buckets);
      }
      current.lines++;
    },
    replay() {
      if (current === undefined) return undefined;
      const since = Math.min(newestSecond(buckets) - 1, current.second);
      const inWindow = buckets.filter((bucket) => bucket.second >= since).sort((a, b) => a.order - b.order);
      return {
        sinceTime: new Date(since * 1000).toISOString().replace(".000Z", "Z"),
        lines: inWindow.reduce((sum, bucket) => sum + bucket.lines, 0),
        firstStamp: inWindow[0]?.firstStamp ?? "",
        lastStamp: last.toString("latin1", 0, lastLength),
      };
    },
  };
}

/** Milliseconds and nanoseconds of a timestamp as one number that keeps its order. */
export function stampOrder(stamp: string): bigint {
  const fraction = /\.(\d{1,9})/.exec(stamp)?.[1] ?? "";
  return BigInt(secondOf(stamp)) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
}

function secondOf(stamp: string): number {
  return Math.floor(Date.parse(stamp.replace(/\.\d+/, "")) / 1000);
}

function bucketOf(buckets: Bucket[], stamp: string, order: number): Bucket {
  const second = secondOf(stamp);
  const found = buckets.find((bucket) => bucket.second === second);
  if (found) return found;
  const bucket = { second, firstStamp: stamp, order, lines: 0 };
  buckets.push(bucket);
  return bucket;
}

function recent(buckets: readonly Bucket[]): Bucket[] {
  const oldest = newestSecond(buckets) - 1;
  return buckets.filter((bucket) => bucket.second >= oldest);
}

function newestSecond(buckets: readonly Bucket[]): number {
  return Math.max(...buckets.map((bucket) => bucket.second));
}

function isSame(chunk: Buffer, start: number, key: Buffer): boolean {
  for (let index = secondLength - 1; index >= 0; index--) {
    if (chunk[start + index] !== key[index]) return false;
  }
  return true;
}

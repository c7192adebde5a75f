import { randomOf } from "./fault-scene.ts";

/** One entry of a container's log, as the node keeps it. */
export interface LogLine {
  /** Nanoseconds since 1970. */
  readonly nanos: bigint;
  readonly content: Buffer;
}

/** What happens to the connections on which one log is followed; everything follows from the seed. */
export interface CutSchedule {
  readonly seed: number;
  readonly lines: readonly LogLine[];
  /** Of each connection in turn: after how many bytes it breaks, and how. The connections after them hold. */
  readonly cuts: readonly Cut[];
  /** The line that the node's file begins with after a rotation, and the connection after which it happens; undefined: no rotation. */
  readonly rotation: { readonly firstLine: number; readonly afterConnection: number } | undefined;
}

export interface Cut {
  readonly bytes: number;
  /** An answer that ends in order, a reset connection, or a refusal with a status. */
  readonly how: "end" | "reset" | 500 | 503 | 429;
}

const startNanos = BigInt(Date.parse("2026-11-20T10:00:00Z")) * 1_000_000n;

/** A log of 0.2 to 5 MB with lines of all kinds, 5 to 30 cuts, and a rotation for one seed of four. */
export function scheduleOf(seed: number): CutSchedule {
  const random = randomOf(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  const lines: LogLine[] = [];
  const targetBytes = 200_000 + upTo(4_800_000);
  // Some tests say a line now and then, some thousands in one second.
  const pause = [1_000, 50_000, 3_000_000, 900_000_000][upTo(4)] ?? 1;
  let nanos = startNanos;
  for (let bytes = 0; bytes < targetBytes; ) {
    nanos += BigInt(1 + upTo(pause));
    const content = contentOf(upTo(12), upTo);
    lines.push({ nanos, content });
    bytes += content.length + 32;
  }
  const count = 5 + upTo(26);
  const how = (["end", "reset", "reset", "reset", 500, 503, 429] as const).map((kind) => kind);
  const cuts = Array.from(
    { length: count },
    (): Cut => ({ bytes: upTo((2.5 * targetBytes) / count), how: how[upTo(7)] ?? "reset" }),
  );
  const rotation = { firstLine: upTo(lines.length), afterConnection: upTo(count) };
  return { seed, lines, cuts, rotation: seed % 4 === 0 ? rotation : undefined };
}

function contentOf(kind: number, upTo: (limit: number) => number): Buffer {
  if (kind === 0) return Buffer.alloc(0);
  if (kind === 1) return Buffer.alloc(upTo(40_000), "long ");
  if (kind === 2) return Buffer.alloc(upTo(300), "\xff\x00\r", "latin1");
  // What looks like the node's own timestamp is the test's all the same.
  if (kind === 3) return Buffer.from(`2026-11-20T10:00:00.${upTo(1e9)}Z echoed`);
  return Buffer.alloc(upTo(200), `line ${upTo(1e6)} \u{1f680} `);
}

/** What the kubelet answers from a second on: a timestamp, a space, the line. */
export function serveLog(lines: readonly LogLine[], sinceTime: string | null): Buffer {
  const since = sinceTime === null ? 0n : BigInt(Date.parse(sinceTime)) * 1_000_000n;
  return Buffer.concat(
    lines
      .filter(({ nanos }) => nanos >= since)
      .flatMap(({ nanos, content }) => [Buffer.from(`${stampOf(nanos)} `), content, newline]),
  );
}

/** The log as the container wrote it. */
export function wholeLog(lines: readonly LogLine[]): Buffer {
  return Buffer.concat(lines.flatMap(({ content }) => [content, newline]));
}

const newline = Buffer.from("\n");

function stampOf(nanos: bigint): string {
  const seconds = new Date(Number(nanos / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, "0")}Z`;
}

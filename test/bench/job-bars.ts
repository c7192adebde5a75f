type Figures = Readonly<Record<string, unknown>>;

interface Bar {
  readonly goal: string;
  readonly name: string;
  readonly limit: number;
}

/** The bars of performance goals P20 to P23, P26 and of the warm path: a figure by its name, and what it may be at most. */
const bars: readonly Bar[] = [
  { goal: "P20", name: "requests", limit: 6 },
  { goal: "P21", name: "p99Ms", limit: 300 },
  { goal: "P22", name: "medianMs", limit: 100 },
  { goal: "P23", name: "idle.p99Ms", limit: 500 },
  { goal: "P23", name: "busy.p99Ms", limit: 500 },
  { goal: "P26", name: "watches", limit: 3 },
  { goal: "P26", name: "peakMb", limit: 300 },
  { goal: "P26", name: "cores", limit: 0.5 },
  { goal: "P26", name: "wallRatio", limit: 1.05 },
  { goal: "path", name: "ratio.process", limit: 0.75 },
  { goal: "path", name: "ratio.noticed", limit: 0.15 },
  { goal: "path", name: "ratio.overhead", limit: 0.4 },
];

/** Which figures miss their bars, a line each; those of a void path (a machine too busy for the peer) are left out. */
export function judgeBench(result: Readonly<Record<string, object>>): string[] {
  const figureOf = ({ goal, name }: Bar) =>
    name.split(".").reduce<unknown>((value, key) => (value as Figures | undefined)?.[key], result[goal]);
  return bars
    .filter(({ goal }) => result[goal] !== undefined && (result[goal] as Figures).isVoid !== true)
    .filter((bar) => !(Number(figureOf(bar)) <= bar.limit))
    .map((bar) => `${bar.goal} ${bar.name}: ${String(figureOf(bar))} is more than ${bar.limit}.`);
}

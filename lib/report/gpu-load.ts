import type { Report } from "./report.ts";

type Gpu = Report["gpus"][number];

/** How busy a GPU was, for people. */
export interface GpuUse {
  /** Percent, look after look; null where the GPU did not tell. */
  readonly used: readonly (number | null)[];
  readonly memoryMib: readonly (number | null)[];
  /** Of all its memory; undefined when that is not known. */
  readonly totalMib: number | undefined;
  /** `71 % on average, 98 % at most`; undefined when nothing was told. */
  readonly usedWords: string | undefined;
  /** `12.3 of 80.0 GiB at most`; undefined when nothing was told. */
  readonly memoryWords: string | undefined;
}

const bars = "▁▂▃▄▅▆▇█";

/** Undefined when nobody looked at it. */
export function useOf({ load, memory }: Gpu): GpuUse | undefined {
  if (load === undefined || load.length === 0) return undefined;
  const used = load.map(({ usedPercent }) => usedPercent);
  const memoryMib = load.map(({ memoryMib: mib }) => mib);
  const total = /^(\d+) MiB$/.exec(memory)?.[1];
  const totalMib = total === undefined ? undefined : Number(total);
  return { used, memoryMib, totalMib, usedWords: usedWords(used), memoryWords: memoryWords(memoryMib, totalMib) };
}

/** A chart of one line of text, at most 40 characters wide: each shows the highest of its values. Gaps are spaces. */
export function sparkline(values: readonly (number | null)[], limit: number): string {
  const width = Math.min(values.length, 40);
  const characters = Array.from({ length: width }, (_, at) => {
    const [from, to] = [Math.floor((at * values.length) / width), Math.floor(((at + 1) * values.length) / width)];
    const told = values.slice(from, to).filter((value) => value !== null);
    if (told.length === 0) return " ";
    const share = Math.min(1, Math.max(...told) / limit);
    return bars[Math.min(bars.length - 1, Math.floor(share * bars.length))] ?? " ";
  });
  return characters.join("");
}

function usedWords(values: readonly (number | null)[]): string | undefined {
  const told = values.filter((value) => value !== null);
  if (told.length === 0) return undefined;
  const mean = told.reduce((sum, value) => sum + value, 0) / told.length;
  return `${Math.round(mean)} % on average, ${Math.max(...told)} % at most`;
}

function memoryWords(values: readonly (number | null)[], totalMib: number | undefined): string | undefined {
  const told = values.filter((value) => value !== null);
  if (told.length === 0) return undefined;
  const gib = (mib: number) => (mib / 1024).toFixed(1);
  return `${gib(Math.max(...told))}${totalMib === undefined ? "" : ` of ${gib(totalMib)}`} GiB at most`;
}

const factors: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Parses a Kubernetes resource quantity of bytes (`20Gi`, `500M`, `1024`); undefined when the text is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(|k|M|G|T|Ki|Mi|Gi|Ti)B?$/.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * (factors[match[2] ?? ""] ?? Number.NaN));
}

/** Formats bytes for people in decimal units: `1.8 GB`, `340 MB`, `12 kB`, `17 B`. */
export function formatSize(sizeBytes: number): string {
  for (const [unit, factor] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const) {
    if (sizeBytes >= factor) return `${(sizeBytes / factor).toFixed(sizeBytes < factor * 10 ? 1 : 0)} ${unit}`;
  }
  return `${sizeBytes} B`;
}

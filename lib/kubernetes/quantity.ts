const factors: Readonly<Record<string, number>> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  ...powers(1000, ["k", "M", "G", "T", "P", "E"]),
  ...powers(1024, ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
};

function powers(base: number, units: readonly string[]): Record<string, number> {
  return Object.fromEntries(units.map((unit, index) => [unit, base ** (index + 1)]));
}

/** The number that a quantity means; 0 where there is none. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function parseQuantity(text: string | undefined): number {
  const match = /^([\d.]+(?:e\d+)?)([a-zA-Z]*)$/.exec(text ?? "0");
  return Number(match?.[1] ?? 0) * (factors[match?.[2] ?? ""] ?? 0);
}

import type { GpuUse } from "./gpu-load.ts";

const width = 600;
const height = 120;

/** A GPU's use and memory from the start to `end`, as a picture with its legend; colours and sizes come from the page's style. */
export function renderGpuChart(use: GpuUse, end: string): string {
  const total = use.totalMib ?? Math.max(1, ...use.memoryMib.map((mib) => mib ?? 0));
  const used = curve(use.used, 100);
  const memory = curve(use.memoryMib, total);
  const grid = [0.25, 0.5, 0.75].map((share) => `<path class="grid" d="M0 ${height * share}H${width}"/>`).join("");
  const label = [use.usedWords && `use ${use.usedWords}`, use.memoryWords && `memory ${use.memoryWords}`];
  const words = label.filter(Boolean).join(", ");
  const legend = [
    use.usedWords === undefined ? "" : `<span class="use">use ${use.usedWords}</span>`,
    use.memoryWords === undefined ? "" : `<span class="memory">memory ${use.memoryWords}</span>`,
  ];
  return `<figure class="chart"><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${words}">
${grid}${used.area === "" ? "" : `<path class="use area" d="${used.area}"/>`}<path class="use" d="${used.line}"/><path class="memory" d="${memory.line}"/></svg>
<div class="axis"><span>start</span><span>${end}</span></div><figcaption>${legend.join("")}</figcaption></figure>`;
}

/** A line through all values, broken where one is missing; the area below it only where none is. */
function curve(values: readonly (number | null)[], limit: number): { readonly line: string; readonly area: string } {
  // One look alone is drawn as a level line.
  const shown = values.length === 1 ? [values[0] ?? null, values[0] ?? null] : values;
  const points = shown.map((value, at) => {
    if (value === null) return undefined;
    const x = (at / (shown.length - 1)) * width;
    // The line stays within the picture at both of its ends.
    const y = height - 1 - Math.min(1, value / limit) * (height - 2);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  let isOpen = false;
  const line = points.map((point) => {
    const part = point === undefined ? "" : `${isOpen ? "L" : "M"}${point}`;
    isOpen = point !== undefined;
    return part;
  });
  const isWhole = points.every((point) => point !== undefined);
  return { line: line.join(""), area: isWhole ? `M0 ${height}L${points.join("L")}L${width} ${height}Z` : "" };
}

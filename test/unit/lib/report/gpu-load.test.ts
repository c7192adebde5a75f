import { describe, expect, it } from "vitest";
import { renderGpuChart } from "../../../../lib/report/gpu-chart.ts";
import { sparkline, useOf } from "../../../../lib/report/gpu-load.ts";

const gpu = { product: "A100", uuid: "GPU-1", driver: "535.54", memory: "81920 MiB" };
const look = (usedPercent: number | null, memoryMib: number | null) => ({ usedPercent, memoryMib });

describe("a GPU's load", () => {
  it("is told in words and in a line of characters", () => {
    const use = useOf({ ...gpu, load: [look(0, 0), look(50, 40_960), look(100, 81_920)] });
    expect(use).toEqual({
      used: [0, 50, 100],
      memoryMib: [0, 40_960, 81_920],
      totalMib: 81_920,
      usedWords: "50 % on average, 100 % at most",
      memoryWords: "80.0 of 80.0 GiB at most",
    });
    expect(sparkline([0, 50, 100, null, 12], 100)).toBe("▁▅█ ▁");
    expect(
      sparkline(
        Array.from({ length: 400 }, (_, at) => at),
        400,
      ),
    ).toHaveLength(40);
  });

  it("leaves out what a GPU does not tell, and is none when nobody looked", () => {
    const use = useOf({ ...gpu, memory: "[N/A]", load: [look(null, 2048)] });
    expect([use?.usedWords, use?.memoryWords, use?.totalMib]).toEqual([undefined, "2.0 GiB at most", undefined]);
    expect([useOf(gpu), useOf({ ...gpu, load: [] })]).toEqual([undefined, undefined]);
  });

  it("is drawn as a line that breaks where a value is missing, with an area only where none is", () => {
    const use = useOf({ ...gpu, load: [look(0, 0), look(null, 40_960), look(100, 81_920), look(0, 0)] });
    const chart = use ? renderGpuChart(use, "3.0 s") : "";
    expect(chart).toContain('<path class="use" d="M0.0 119.0M400.0 1.0L600.0 119.0"/>');
    expect(chart).toContain('<path class="memory" d="M0.0 119.0L200.0 60.0L400.0 1.0L600.0 119.0"/>');
    expect([chart.includes('class="use area"'), chart.includes("<span>3.0 s</span>")]).toEqual([false, true]);
  });
});

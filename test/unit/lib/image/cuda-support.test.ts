import { describe, expect, it } from "vitest";
import { cudaShortfall, cudaVersionOf } from "../../../../lib/image/cuda-support.ts";

const node = (driver: string | undefined, cuda: string | undefined) => ({ node: "box", driver, cuda });

describe("an image's CUDA against a node's driver", () => {
  it("is read from the variable that NVIDIA's images set", () => {
    expect(cudaVersionOf({ CUDA_VERSION: "12.4.1" })).toBe("12.4");
    expect(cudaVersionOf({ CUDA_VERSION: "latest" })).toBeUndefined();
    expect(cudaVersionOf({})).toBeUndefined();
  });

  it.each<[string, string | undefined, string | undefined, string]>([
    ["12.4", "550.54.14", "12.4", "the same"],
    ["12.4", "535.104.05", "12.2", "of the same major version, by minor version compatibility"],
    ["11.8", "550.54.14", "12.4", "newer"],
    ["12.10", "550.54.14", "12.9", "of the same major version, compared by number"],
    ["12.4", undefined, undefined, "not known"],
    ["14.0", undefined, "14.0", "of a major version that no table has"],
  ])("is fine: image %s, driver %s with CUDA %s (%s)", (cuda, driver, served) => {
    expect(cudaShortfall(cuda, node(driver, served))).toBeUndefined();
  });

  it("falls short of an older major version, and says which driver it takes", () => {
    expect(cudaShortfall("12.4", node("470.256.02", "11.4"))).toBe(
      "The image has CUDA 12.4, which needs driver 525.60.13 or newer; node box has driver 470.256.02, CUDA 11.4.",
    );
    expect(cudaShortfall("12.0", node("525.60.11", undefined))).toBe(
      "The image has CUDA 12.0, which needs driver 525.60.13 or newer; node box has driver 525.60.11.",
    );
    expect(cudaShortfall("14.1", node("590.10", "13.2"))).toBe(
      "The image has CUDA 14.1, which needs a newer driver; node box has driver 590.10, CUDA 13.2.",
    );
  });
});

import { describe, expect, it } from "vitest";
import { isPublicRegistry } from "../../../../lib/oci/public-registry.ts";

const addresses: Readonly<Record<string, string[]>> = {
  "ghcr.io": ["140.82.112.33", "64:ff9b::8c52:7021"],
  "harbor.example.com": ["10.1.2.3"],
  "both.example.com": ["10.1.2.3", "203.0.113.5"],
};

async function resolve(host: string): Promise<{ address: string }[]> {
  const found = addresses[host];
  if (!found) throw new Error(`ENOTFOUND ${host}`);
  return found.map((address) => ({ address }));
}

describe("isPublicRegistry", () => {
  it.each([
    ["localhost:32000", false],
    ["127.0.0.1:5000", false],
    ["[::1]:5000", false],
    ["192.168.1.20:32000", false],
    ["[fd00::1]:5000", false],
    ["172.32.0.1:5000", true],
    ["203.0.113.5:5000", true],
    ["registry:5000", false],
    ["gpu-box.local:32000", false],
    ["registry.container-registry.svc:5000", false],
    ["registry.container-registry.svc.cluster.local:5000", false],
    ["harbor.example.com", false],
    ["both.example.com", true],
    ["ghcr.io", true],
    ["nobody-knows.example.com", true],
  ])("says of %s: %s", async (registry, expected) => {
    expect(await isPublicRegistry(registry, resolve)).toBe(expected);
  });
});

import { describe, expect, it } from "vitest";
import { isClusterService } from "../../../../lib/oci/loopback.ts";

describe("isClusterService", () => {
  it.each(["registry.container-registry.svc.cluster.local:5000", "registry.container-registry.svc", "r.n.svc:5000"])(
    "takes %s",
    (host) => expect(isClusterService(host)).toBe(true),
  );
  it.each([
    "registry.svc",
    "registry.container-registry.svc.example",
    "svc.cluster.local",
    "evil.org/r.n.svc",
    "localhost:5000",
    "",
  ])("refuses %s", (host) => expect(isClusterService(host)).toBe(false));
});

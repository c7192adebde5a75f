import { describe, expect, it } from "vitest";
import { numericUser } from "../../../../lib/oci/image-config.ts";
import { isLoopback } from "../../../../lib/oci/loopback.ts";
import { parseManifest } from "../../../../lib/oci/manifest.ts";

const descriptor = { mediaType: "application/x", digest: `sha256:${"0".repeat(64)}`, size: 3 };
const parse = (value: unknown) =>
  parseManifest(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)), "it");

describe("parseManifest", () => {
  it("tells manifests from indexes, whose media type may be missing", () => {
    expect(parse({ schemaVersion: 2, config: descriptor, layers: [] })).toMatchObject({
      kind: "manifest",
      mediaType: "application/vnd.oci.image.manifest.v1+json",
    });
    expect(parse({ schemaVersion: 2, manifests: [descriptor] })).toMatchObject({
      kind: "index",
      mediaType: "application/vnd.oci.image.index.v1+json",
    });
  });

  it.each([
    ["{", "it is no JSON"],
    ["null", "it is no image manifest"],
    [{ schemaVersion: 1, fsLayers: [] }, "it is of Docker's schema 1"],
    [{ schemaVersion: 2, config: descriptor }, "field layers"],
    [
      { schemaVersion: 2, config: { ...descriptor, digest: "sha256:../../etc/passwd" }, layers: [] },
      "field config.digest",
    ],
    [{ schemaVersion: 2, config: descriptor, layers: [{ ...descriptor, size: -1 }] }, "field layers.0.size"],
    [{ schemaVersion: 2, config: descriptor, layers: [{ ...descriptor, size: 1e300 }] }, "field layers.0.size"],
  ])("refuses %j", (value, message) => {
    expect(() => parse(value)).toThrow(message);
  });
});

describe("numericUser", () => {
  it.each([
    ["", { uid: 0, gid: 0 }],
    ["root", { uid: 0, gid: 0 }],
    ["1000", { uid: 1000, gid: 0 }],
    ["1000:100", { uid: 1000, gid: 100 }],
    ["root:root", { uid: 0, gid: 0 }],
    ["app", undefined],
    ["1000:staff", undefined],
  ])("reads %j", (user, expected) => {
    expect(numericUser(user)).toEqual(expected);
  });
});

describe("isLoopback", () => {
  it.each(["localhost", "localhost:32000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000", "[::1]", "a.localhost"])(
    "takes %s",
    (host) => expect(isLoopback(host)).toBe(true),
  );
  it.each(["localhost.example", "127.0.0.1.example", "10.0.0.1:32000", "[fd00::1]:5000", "0.0.0.0", ""])(
    "refuses %s",
    (host) => expect(isLoopback(host)).toBe(false),
  );
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatReference, isRegistry, parseNamed, parseReference } from "../../../../lib/oci/reference.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("parseReference", () => {
  it.each([
    ["ubuntu", "docker.io", "library/ubuntu", undefined, undefined],
    ["ubuntu:24.04", "docker.io", "library/ubuntu", "24.04", undefined],
    ["acme/base", "docker.io", "acme/base", undefined, undefined],
    ["localhost/base:1", "localhost", "base", "1", undefined],
    ["localhost:32000/acme/base:1.0", "localhost:32000", "acme/base", "1.0", undefined],
    [`localhost:32000/acme/base@${digest}`, "localhost:32000", "acme/base", undefined, digest],
    [`quay.io/acme/base:1@${digest}`, "quay.io", "acme/base", "1", digest],
    ["[::1]:5000/a", "[::1]:5000", "a", undefined, undefined],
    [
      "registry.container-registry.svc.cluster.local:5000/a/b_c/d--e",
      "registry.container-registry.svc.cluster.local:5000",
      "a/b_c/d--e",
      undefined,
      undefined,
    ],
  ])("reads %s", (text, registry, repository, tag, found) => {
    expect(parseReference(text)).toEqual({ registry, repository, tag, digest: found });
  });

  it.each([
    ["", "nothing"],
    ["acme/Base", "upper case in a repository"],
    ["acme//base", "an empty component"],
    ["/acme/base", "a leading slash"],
    ["acme/base/", "a trailing slash"],
    ["acme/../base", "a step upwards"],
    ["acme/base:", "an empty tag"],
    ["acme/base:-1", "a tag that begins with a dash"],
    [`acme/base:${"a".repeat(129)}`, "a tag of 129"],
    ["acme/base@sha256:123", "a short digest"],
    [`acme/base@${digest.toUpperCase()}`, "a digest in upper case"],
    [`acme/base@md5:${"0".repeat(32)}`, "another algorithm"],
    ["http://localhost:5000/a", "a scheme"],
    ["user@host/acme/base", "a user"],
    ["acme/base?x=1", "a query"],
    ["acme/base#x", "a fragment"],
    ["acme/base\n", "a line break"],
    ["acme/base ", "a blank"],
    ["localhost:5000000/a", "a port of seven digits"],
    ["-host.example/a", "a host that begins with a dash"],
    [`a/${"b".repeat(300)}`, "a repository of 302"],
    ["a".repeat(100_000), "a hundred thousand letters"],
    [`${"a-".repeat(5000)}!`, "what a careless expression would chew on for hours"],
  ])("refuses %j: %s", (text) => {
    expect(parseReference(text)).toBeUndefined();
  });

  it("reads back what formatReference writes", () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,8}){0,2}$/);
    const reference = fc.record({
      registry: fc.constantFrom("localhost:32000", "quay.io", "10.0.0.1:5000", "[::1]:5000"),
      repository: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
      tag: fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/), { nil: undefined }),
      digest: fc.constantFrom(undefined, digest),
    });
    fc.assert(
      fc.property(reference, (value) => {
        expect(parseReference(formatReference(value))).toEqual(value);
      }),
    );
  });
});

describe("parseNamed", () => {
  it("leaves a registry out that the text leaves out", () => {
    expect(parseNamed("acme/base:1")).toEqual({
      registry: undefined,
      repository: "acme/base",
      tag: "1",
      digest: undefined,
    });
  });
});

describe("isRegistry", () => {
  it.each(["localhost:32000", "10.0.0.1", "quay.io", "[fd00::1]:5000"])("takes %s", (text) =>
    expect(isRegistry(text)).toBe(true),
  );
  it.each(["", "a/b", "http://a", "a:b", "a b", "a:1:2", "user@host", "host:"])("refuses %j", (text) =>
    expect(isRegistry(text)).toBe(false),
  );
});

import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../../../lib/oci/registry-auth.ts";

describe("parseChallenges", () => {
  it.each([
    ["", []],
    ["Basic realm=x", [{ scheme: "basic", parameters: { realm: "x" } }]],
    ["Negotiate", []],
    [
      'Bearer realm="https://auth.example/token?a=b,c",service="registry.example",scope="repository:a/b:pull,push"',
      [
        {
          scheme: "bearer",
          parameters: {
            realm: "https://auth.example/token?a=b,c",
            service: "registry.example",
            scope: "repository:a/b:pull,push",
          },
        },
      ],
    ],
    [
      'Bearer realm="https://a/t", Basic realm="say \\"hi\\""',
      [
        { scheme: "bearer", parameters: { realm: "https://a/t" } },
        { scheme: "basic", parameters: { realm: 'say "hi"' } },
      ],
    ],
  ])("reads %j", (header, expected) => {
    expect(parseChallenges(header)).toEqual(expected);
  });
});

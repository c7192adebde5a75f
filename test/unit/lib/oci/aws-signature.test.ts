import { describe, expect, it } from "vitest";
import { parseAwsRegistry } from "../../../../lib/oci/aws-registry.ts";
import { type AwsRequest, signAwsRequest } from "../../../../lib/oci/aws-signature.ts";
import { isAzureRegistry } from "../../../../lib/oci/azure-registry.ts";

// The keys and the time of AWS's published test suite for signatures of version 4.
const keys = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: undefined,
};
const at = new Date("2015-08-30T12:36:00Z");
const request = (fields: Partial<AwsRequest>): AwsRequest => ({
  method: "GET",
  url: new URL("https://example.amazonaws.com/"),
  headers: {},
  body: "",
  region: "us-east-1",
  service: "service",
  ...fields,
});
const signatureOf = (fields: Partial<AwsRequest>) =>
  /Signature=(\w+)$/.exec(signAwsRequest(request(fields), keys, at).authorization ?? "")?.[1];

describe("a signature of version 4", () => {
  it.each([
    ["get-vanilla", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    [
      "get-vanilla-query-order-key-case",
      { url: new URL("https://example.amazonaws.com/?Param2=value2&Param1=value1") },
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    ["post-vanilla", { method: "POST" }, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
    [
      "post-x-www-form-urlencoded",
      {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: "Param1=value1",
      },
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ],
    [
      "get-header-value-trim",
      { headers: { "My-Header1": " value1", "My-Header2": ' "a   b   c"' } },
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ],
    [
      "the example of the documentation",
      {
        url: new URL("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"),
        headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
        service: "iam",
      },
      "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    ],
  ] as const)("is AWS's own for %s", (_name, fields, signature) => {
    expect(signatureOf(fields)).toBe(signature);
  });

  it("covers the token of keys that expire, and every header is sent as it was signed", () => {
    const signed = signAwsRequest(request({}), { ...keys, sessionToken: "token" }, at);
    expect(signed).toEqual({
      host: "example.amazonaws.com",
      "x-amz-date": "20150830T123600Z",
      "x-amz-security-token": "token",
      authorization: expect.stringContaining("SignedHeaders=host;x-amz-date;x-amz-security-token, "),
    });
  });
});

describe("a cloud's registry", () => {
  it.each([
    ["123456789012.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1", "amazonaws.com"],
    ["123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", "amazonaws.com"],
    ["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "amazonaws.com.cn"],
  ])("of AWS is known by its name: %s", (registry, region, domain) => {
    expect(parseAwsRegistry(registry)).toEqual({ account: "123456789012", region, domain });
  });

  it.each([
    "public.ecr.aws",
    "12345.dkr.ecr.eu-central-1.amazonaws.com",
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
    "evil.example/123456789012.dkr.ecr.eu-central-1.amazonaws.com",
    "localhost:32000",
  ])("of AWS is nothing else: %s", (registry) => {
    expect(parseAwsRegistry(registry)).toBeUndefined();
  });

  it.each([
    ["acme.azurecr.io", true],
    ["acme.westeurope.data.azurecr.io", true],
    ["acme.azurecr.cn", true],
    ["acme.azurecr.io.evil.example", false],
    ["acmeazurecr.io", false],
    ["acme.azurecr.io:8443", false],
  ])("of Azure is told from others: %s", (registry, is) => {
    expect(isAzureRegistry(registry)).toBe(is);
  });
});

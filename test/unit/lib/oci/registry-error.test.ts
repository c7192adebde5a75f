import { describe, expect, it } from "vitest";
import { DomainError } from "../../../../lib/error.ts";
import { isTransient, statusError, toDomainError } from "../../../../lib/oci/registry-error.ts";

const network = (code: string) => Object.assign(new Error(code), { code });

describe("a registry's error", () => {
  it.each([
    [statusError(401, undefined, ""), "registry-unauthorized", false],
    [statusError(403, undefined, ""), "registry-unauthorized", false],
    [statusError(404, undefined, ""), "registry-refused", false],
    [statusError(400, undefined, '{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}'), "registry-refused", false],
    [statusError(429, "3", ""), "registry-unavailable", true],
    [statusError(500, undefined, "<html>"), "registry-unavailable", true],
    [statusError(503, undefined, ""), "registry-unavailable", true],
    [statusError(501, undefined, ""), "registry-refused", false],
    [statusError(507, undefined, ""), "registry-full", false],
    [statusError(500, undefined, "write /data: no space left on device"), "registry-full", false],
    [network("ECONNREFUSED"), "registry-unreachable", true],
    [network("ECONNRESET"), "registry-unreachable", true],
    [network("ENOTFOUND"), "registry-unreachable", false],
    [network("ERR_SSL_WRONG_VERSION_NUMBER"), "registry-plain-http", false],
    [network("DEPTH_ZERO_SELF_SIGNED_CERT"), "registry-certificate", false],
  ])("%s is %s, transient: %s", (error, code, transient) => {
    expect(isTransient(error)).toBe(transient);
    expect(toDomainError(error, "store it", "localhost:1")).toMatchObject({ name: "DomainError", code });
  });

  it("that is a bug or told already stays what it is", () => {
    const [bug, told] = [new TypeError("x is undefined"), new DomainError("x", "y")];
    expect([toDomainError(bug, "", ""), toDomainError(told, "", "")]).toEqual([bug, told]);
  });

  it.each([
    ["2", 2000],
    [undefined, undefined],
    ["soon", undefined],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ])("says with Retry-After %j how long to wait", (header, waitMs) => {
    expect(statusError(429, header, "").retryAfterMs).toBe(waitMs);
  });
});

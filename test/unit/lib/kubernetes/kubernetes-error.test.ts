import { describe, expect, it } from "vitest";
import { describeError, exitCodeOfError } from "../../../../lib/error.ts";
import { isStatus, KubernetesError } from "../../../../lib/kubernetes/kubernetes-error.ts";

describe("a refusal by the API server", () => {
  it("says what was asked, what was answered, and what to do", () => {
    const message = 'pods is forbidden: User "ci" cannot list resource "pods"';
    const error = new KubernetesError("GET /api/v1/pods", 403, { message, reason: "Forbidden" });
    expect(describeError(error)).toBe(
      `GET /api/v1/pods: 403 ${message}\nGrant the account the right that is named, or free the quota that is named.`,
    );
    expect([error.code, error.retryable, exitCodeOfError(error), isStatus(error, 403)]).toEqual([
      "forbidden",
      false,
      3,
      true,
    ]);
  });

  it.each([
    ["AlreadyExists", 409, "already-exists", false],
    ["TooManyRequests", 429, "too-many-requests", true],
    ["ServiceUnavailable", 503, "service-unavailable", true],
    [undefined, 502, "http-502", true],
  ])("%s (%d) has the code %s", (reason, status, code, retryable) => {
    const error = new KubernetesError("GET /x", status, reason === undefined ? {} : { reason });
    expect([error.code, error.retryable]).toEqual([code, retryable]);
  });
});

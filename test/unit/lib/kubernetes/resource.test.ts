import { describe, expect, it } from "vitest";
import { apiVersionOf, jobs, nodes, pods, resourcePath } from "../../../../lib/kubernetes/resource.ts";

describe("the path of a resource", () => {
  it.each([
    [resourcePath(pods, "team"), "/api/v1/namespaces/team/pods"],
    [resourcePath(pods, "team", "a"), "/api/v1/namespaces/team/pods/a"],
    [resourcePath(pods, undefined), "/api/v1/pods"],
    [resourcePath(jobs, "team", "a"), "/apis/batch/v1/namespaces/team/jobs/a"],
    [resourcePath(nodes, "team", "a"), "/api/v1/nodes/a"],
  ])("is %s", (path, expected) => {
    expect(path).toBe(expected);
  });

  it("cannot be left by a name", () => {
    expect(resourcePath(pods, "../x", "a/../../b?c")).toBe("/api/v1/namespaces/..%2Fx/pods/a%2F..%2F..%2Fb%3Fc");
  });
});

describe("the apiVersion of a resource", () => {
  it("has the group, but for the core group", () => {
    expect([apiVersionOf(jobs), apiVersionOf(pods)]).toEqual(["batch/v1", "v1"]);
  });
});

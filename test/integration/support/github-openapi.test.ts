import { expect, it } from "vitest";
import { loadGithubOpenApi } from "../../support/github-openapi.ts";

it("the emulator's check notices every way in which a call is not as GitHub describes it", () => {
  const check = loadGithubOpenApi();
  const path = "/repos/o/r/releases";
  const call = { method: "GET", path, query: new URLSearchParams(), body: {}, status: 200, answer: [] as unknown };
  const of = (change: Partial<typeof call>) => check.violations({ ...call, ...change });
  expect(of({})).toEqual([]);
  expect(of({ path: "/repos/o/r/no-such-thing/1/2" })).toEqual([
    "GET /repos/o/r/no-such-thing/1/2 is no operation of the API",
  ]);
  expect(of({ query: new URLSearchParams("limit=1&page=x") })).toEqual([
    "/repos/o/r/releases: query limit is not described",
    "GET /repos/{owner}/{repo}/releases?page  must be integer",
  ]);
  expect(of({ status: 418 })).toEqual(["GET /repos/o/r/releases is not described to answer 418"]);
  expect(of({ answer: [{ id: 1 }] }).length).toBeGreaterThan(10);
  expect(of({ method: "POST", body: { tag_name: 1, tag: "v1" }, status: 404, answer: {} })).toEqual([
    "/repos/o/r/releases: body tag is not described",
    "POST /repos/{owner}/{repo}/releases body /tag_name must be string",
  ]);
});

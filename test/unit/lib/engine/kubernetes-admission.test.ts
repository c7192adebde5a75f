import { describe, expect, it } from "vitest";
import { judgeRefusal } from "../../../../lib/engine/kubernetes-admission.ts";

describe("judgeRefusal", () => {
  it.each([
    ['Error creating: pods "x" is forbidden: exceeded quota: q, requested: pods=1', false],
    ['Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest"', true],
    ['admission webhook "policy.example" denied the request: no tags', true],
    ['Error creating: pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found', true],
    ["Error creating: Internal error occurred: failed calling webhook: context deadline exceeded", false],
  ])("%s: final %s", (message, isFinal) => {
    expect(judgeRefusal(message, { name: "j", runAs: "nonroot" })).toEqual({ isFinal, words: `Job j: ${message}` });
  });

  it("hints at run-as where the image's own user is what was refused", () => {
    const { words } = judgeRefusal('violates PodSecurity "restricted:latest"', { name: "j", runAs: "image" });
    expect(words.split("\n")[1]).toBe("Set run-as: nonroot when the namespace enforces the restricted profile.");
  });
});

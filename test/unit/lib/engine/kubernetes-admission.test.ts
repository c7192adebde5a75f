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

  it("does not wait for a quota that is smaller than the request", () => {
    const message =
      'pods "x" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2,pods=1, used: requests.nvidia.com/gpu=0,pods=0, limited: requests.nvidia.com/gpu=1,pods=5';
    expect(judgeRefusal(message, { name: "j", runAs: "image" })).toEqual({
      isFinal: true,
      words: `Job j: ${message}\nThe quota is smaller than the request: it is of no use to wait.`,
    });
    const full = message
      .replaceAll("gpu=2", "gpu=1")
      .replace("used: requests.nvidia.com/gpu=0", "used: requests.nvidia.com/gpu=1");
    expect(judgeRefusal(full, { name: "j", runAs: "image" }).isFinal).toBe(false);
  });

  it("hints at run-as where the image's own user is what was refused", () => {
    const { words } = judgeRefusal('violates PodSecurity "restricted:latest"', { name: "j", runAs: "image" });
    expect(words.split("\n")[1]).toBe("Set run-as: nonroot when the namespace enforces the restricted profile.");
  });
});

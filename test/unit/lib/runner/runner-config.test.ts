import { describe, expect, it } from "vitest";
import { parseRunnerConfig } from "../../../../lib/runner/runner-config.ts";
import { runnerConfig } from "../../../support/runner-objects.ts";

describe("parseRunnerConfig", () => {
  it("fills in what is left out and ignores keys of a newer chart", () => {
    const { runner, ...rest } = runnerConfig({ release: "gpu-ci", newer: true });
    expect(rest).toEqual({
      release: "gpu-ci",
      namespace: "runners",
      jobsNamespace: "",
      mode: "plain",
      forge: { kind: "gitea", url: "https://forge.test", runnerUrl: "", scope: "org:acme" },
      scaleSet: "",
      replicas: 2,
      labels: ["self-hosted", "gpu"],
      drainConfigMap: "gpu-ci-runners",
      registerTimeout: 300_000,
      interval: 10_000,
    });
    expect([runner?.activeDeadline, runner?.workSize]).toEqual([21_600_000, "10Gi"]);
  });

  it("needs a scale set and no forge in mode arc", () => {
    const settings = "{release: gpu-ci, namespace: ci, mode: arc, scaleSet: gpu}";
    expect(parseRunnerConfig(settings, "x")).toMatchObject({ mode: "arc", scaleSet: "gpu" });
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      "a scope of another form",
      { forge: { kind: "gitea", url: "https://f.test", scope: "acme" } },
      "forge.scope: org:NAME, repo:OWNER/NAME or instance",
    ],
    [
      "the instance on GitHub",
      { forge: { kind: "github", url: "https://github.com", scope: "instance" } },
      "forge: GitHub registers runners for org:NAME or repo:OWNER/NAME, not for the instance",
    ],
    ["a duration that is none", { interval: "often" }, "interval: a duration such as 90s, 10m or 6h"],
    ["mode plain without an image", { runner: undefined }, "mode plain needs runner.image"],
    ["mode arc without a scale set", { mode: "arc" }, "mode arc needs scaleSet"],
    ["too many runners", { replicas: 501 }, "replicas: Invalid value: Expected <=500 but received 501"],
  ])("refuses %s", (_what, change, message) => {
    expect(() => runnerConfig(change)).toThrow(`The runners' settings in the test cannot be used: ${message}`);
  });

  it("refuses what is no YAML", () => {
    expect(() => parseRunnerConfig("a: [", "/etc/x")).toThrow("The runners' settings in /etc/x cannot be used: ");
  });
});

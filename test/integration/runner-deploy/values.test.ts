import { beforeAll, describe, expect, it } from "vitest";
import { prepareTimeoutMs, prepareTools } from "../../support/prepare-tools.ts";
import { anyImage, type ChartValues, leastValues, renderChart } from "../../support/runner-chart.ts";

const refused: readonly (readonly [string, ChartValues, string])[] = [
  ["a misspelled value", { replica: 3 }, "additional properties 'replica' not allowed"],
  ["a misspelled value inside", { runner: { image: anyImage, nodeSelectors: {} } }, "'nodeSelectors' not allowed"],
  ["an unknown mode", { mode: "docker" }, "at '/mode': value must be one of 'plain', 'arc'"],
  ["an image by tag", { controller: { image: "localhost:32000/gpu-ci:1" } }, "at '/controller/image'"],
  ["no runner image in mode plain", { runner: { image: "" } }, "at '/runner/image'"],
  ["a scope that is none", { forge: { scope: "acme" } }, "at '/forge/scope'"],
  ["an address without a scheme", { forge: { scope: "org:acme", url: "github.com" } }, "at '/forge/url'"],
  ["a token", { forge: { scope: "org:acme", token: "secret" } }, "additional properties 'token' not allowed"],
  ["mode arc without a scale set", { mode: "arc" }, "at '/arc/scaleSet'"],
  [
    "a GPU for the runner",
    { runner: { image: anyImage, resources: { limits: { "nvidia.com/gpu": 1 } } } },
    "invalid propertyName 'nvidia.com/gpu'",
  ],
  ["a label that runs-on cannot name", { labels: ["gpu box"] }, "at '/labels/0'"],
  ["no label", { labels: [] }, "at '/labels'"],
  ["a network that holds too much", { network: { forge: { cidrs: ["128.0.0.0/1"] } } }, "at '/network/forge/cidrs/0'"],
  [
    "link-local addresses",
    { network: { jobs: { cidrs: ["169.254.169.254/32"], ports: [80] } } },
    "would hold link-local addresses",
  ],
  [
    "a network that is no IPv4 network",
    { network: { forge: { cidrs: ["github.com"] } } },
    "at '/network/forge/cidrs/0'",
  ],
  [
    "a registry with a scheme",
    { admission: { registries: ["http://localhost:32000"] } },
    "at '/admission/registries/0'",
  ],
  ["no registry", { admission: { registries: [] } }, "at '/admission/registries'"],
  ["jobs beside the token", { jobs: { namespace: "ci" } }, "jobs.namespace must not be the release's namespace"],
  ["an unknown Pod Security level", { jobs: { podSecurity: "strict" } }, "at '/jobs/podSecurity'"],
  ["a quantity that is none", { jobs: { quota: { pods: "many" } } }, "at '/jobs/quota/pods'"],
  ["a builder without an image", { buildkitd: { enabled: true } }, "at '/buildkitd/image'"],
  ["nothing to pull", { prepull: { enabled: true } }, "at '/prepull/images'"],
  [
    "a deadline without a unit's meaning",
    { runner: { image: anyImage, deadline: "6 hours" } },
    "at '/runner/deadline'",
  ],
  [
    "a prune that cannot see what pods use",
    { registryPrune: { enabled: true }, observer: { enabled: false } },
    "registryPrune lists all pods to keep what they use",
  ],
  [
    "a schedule of three fields",
    { registryPrune: { enabled: true, schedule: "1 2 3" } },
    "at '/registryPrune/schedule'",
  ],
];

beforeAll(() => prepareTools("helm"), prepareTimeoutMs);

describe("the values of the runners' chart", () => {
  it.each(refused)("refuse %s", async (_what, values, message) => {
    await expect(renderChart({ ...leastValues, ...values })).rejects.toMatchObject({
      stderr: expect.stringContaining(message),
    });
  });

  it("take GitHub, Gitea, an organisation, a repository and an instance", async () => {
    for (const scope of ["org:acme", "repo:acme/cuda.tools", "instance"]) {
      const forge = { kind: "gitea", url: "http://forge.lan:3000/git", scope };
      expect(await renderChart({ ...leastValues, forge })).not.toEqual([]);
    }
  });
});

import { describe, expect, it } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { withBuildkitRegistries } from "../../../../lib/microk8s/buildkit-config.ts";
import { withInsecureRegistries } from "../../../../lib/microk8s/docker-config.ts";
import { withHostsToml } from "../../../../lib/microk8s/hosts-toml.ts";
import { parseTrusted, registryNames } from "../../../../lib/microk8s/trusted-registry.ts";

const plain = parseTrusted("insecure-registries", "nix:32000");

describe("names of a registry", () => {
  it("are those of this machine, of the node and of the Service, an address of IPv6 in brackets", () => {
    expect(registryNames("localhost:32000", "fd00::7")).toEqual([
      { name: "localhost:32000", address: "localhost:32000", scheme: "http" },
      { name: "[fd00::7]:32000", address: "[fd00::7]:32000", scheme: "http" },
      {
        name: "registry.container-registry.svc.cluster.local:5000",
        address: "localhost:32000",
        scheme: "http",
      },
    ]);
  });

  it.each(["ftp://x:5000", "x:5000/path", "", "x y", "http://"])("that are none are refused: %s", (text) => {
    expect(() => parseTrusted("insecure-registries", text)).toThrow("insecure-registries");
  });
});

describe("hosts.toml", () => {
  it("replaces one whose host's key lacks the scheme, and keeps one that has it", () => {
    const wanted = 'server = "http://nix:32000"\n\n[host."http://nix:32000"]\n  capabilities = ["pull", "resolve"]\n';
    expect(withHostsToml('server = "http://nix:32000"\n[host."nix:32000"]\n', plain)).toBe(wanted);
    expect(withHostsToml(wanted, plain)).toBe(wanted);
    const theirs = "server = 'http://nix:32000'\n[host.'http://nix:32000']\n";
    expect(withHostsToml(theirs, plain)).toBe(theirs);
  });

  it("of a registry with a certificate that nobody checks says so", () => {
    expect(withHostsToml(undefined, parseTrusted("insecure-registries", "https://nix"))).toBe(
      'server = "https://nix"\n\n[host."https://nix"]\n  capabilities = ["pull", "resolve"]\n  skip_verify = true\n',
    );
  });
});

describe("daemon.json", () => {
  it.each([
    ["absent", undefined, '{\n  "insecure-registries": [\n    "nix:32000"\n  ]\n}\n'],
    ["empty", "\n", '{\n  "insecure-registries": [\n    "nix:32000"\n  ]\n}\n'],
    ["one that has it", '{"insecure-registries":["nix:32000"]}', '{"insecure-registries":["nix:32000"]}'],
    ["not JSON", "{", undefined],
    ["of another shape", '{"insecure-registries":"nix:32000"}', undefined],
    ["a list", "[]", undefined],
  ])("%s", (_case, present, wanted) => {
    expect(withInsecureRegistries(silentLog, "daemon.json", present, ["nix:32000"])).toBe(wanted);
  });
});

describe("buildkitd.toml", () => {
  it("gets the tables that it lacks, and keeps its own text", () => {
    const own = 'debug = true\n[registry."nix:32000"]\n  insecure = true';
    expect(withBuildkitRegistries(own, [plain])).toBe(own);
    expect(withBuildkitRegistries(own, registryNames("localhost:32000", undefined))).toBe(
      `${own}\n\n# Added by gpu-ci.\n[registry."localhost:32000"]\nhttp = true\n\n[registry."registry.container-registry.svc.cluster.local:5000"]\nmirrors = ["localhost:32000"]\nhttp = true\n`,
    );
  });
});

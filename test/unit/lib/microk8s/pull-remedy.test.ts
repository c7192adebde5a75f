import { describe, expect, it } from "vitest";
import type { Node } from "../../../../lib/kubernetes/resource.ts";
import { cannotPull } from "../../../../lib/microk8s/pull-remedy.ts";

const name = "10.0.0.5:32000";
const image = `${name}/acme/base@sha256:${"0".repeat(64)}`;
const registry = { name, address: "localhost:32000", scheme: "http" } as const;
const node = (runtime: string, kubelet = "v1.35.8", labels: Record<string, string> = {}): Node => ({
  metadata: { labels },
  status: { nodeInfo: { containerRuntimeVersion: runtime, kubeletVersion: kubelet } as never },
});

// As a kubelet 1.35 on containerd 2.2 said it.
const wrapped = (cause: string) =>
  `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${cause}`;
const request = (url: string, cause: string) => wrapped(`failed to do request: Head "${url}": ${cause}`);
const path = `/v2/acme/base/manifests/sha256:${"0".repeat(64)}`;

function explain(said: string, on: Node | undefined = node("containerd://2.2.9")) {
  const error = cannotPull({ registry, image, nodeName: "gpu-1", node: on, said });
  const [found = "", words] = error.message.split("\nThe kubelet said: ");
  expect(words).toBe(said);
  return { code: error.code, found: found.replace(`Node gpu-1 cannot pull ${image}: `, ""), hint: error.hint ?? "" };
}

const file = (url: string, more = "") =>
  [
    `Write /etc/containerd/certs.d/${name}/hosts.toml on gpu-1:`,
    "",
    `    server = "${url.split("//")[0]}//${name}"`,
    "",
    `    [host."${url}"]`,
    '      capabilities = ["pull", "resolve"]',
    ...(more === "" ? [] : [`      ${more}`]),
    "",
    "Below another folder where containerd's config_path names one; it is read at the next pull.",
  ].join("\n");

describe("a node that cannot pull", () => {
  it("for want of a hosts.toml is given the whole file", () => {
    const said = request(`https://${name}${path}`, "http: server gave HTTP response to HTTPS client");
    expect(explain(said)).toEqual({
      code: "node-cannot-pull",
      found: `it asks ${name} for HTTPS, and plain HTTP answers; it has no hosts.toml for this name, or one that containerd passes over.`,
      hint: file(`http://${name}`),
    });
  });

  it.each([
    [
      "sends it to a dead port",
      request(`http://10.0.0.5:32999${path}?ns=%5BREDACTED%5D`, "dial tcp 10.0.0.5:32999: connect: connection refused"),
      `its hosts.toml for ${name} sends it to 10.0.0.5:32999, where it reaches nothing.`,
      file("http://localhost:32000"),
    ],
    [
      "asks for HTTPS",
      request(`https://nix:32000${path}?ns=x`, "http: server gave HTTP response to HTTPS client"),
      `it asks ${name} for HTTPS at nix:32000, where its hosts.toml sends it, and plain HTTP answers.`,
      file("http://localhost:32000"),
    ],
    [
      "asks for plain HTTP",
      wrapped(
        `unexpected status from HEAD request to http://${name}${path}: 400 Bad Request: Client sent an HTTP request to an HTTPS server.`,
      ),
      `it asks ${name} for plain HTTP, and HTTPS answers.`,
      file(`https://${name}`, "skip_verify = true"),
    ],
    [
      "trusts no certificate",
      request(
        `https://${name}${path}`,
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
      ),
      `it does not trust the certificate of ${name}.`,
      file(`https://${name}`, "skip_verify = true"),
    ],
    [
      "cannot find the name",
      request(`https://${name}${path}`, "dial tcp: lookup nosuch on 10.0.0.53:53: no such host"),
      `it does not reach ${name}.`,
      file("http://localhost:32000"),
    ],
    [
      "leads to another registry",
      `rpc error: code = NotFound desc = ${wrapped(`${image}: not found`)}`,
      `what answers there as ${name} does not have the image, so it is another registry than ours at http://localhost:32000.`,
      file("http://localhost:32000"),
    ],
  ])("because its hosts.toml %s", (_what, said, found, hint) => {
    expect(explain(said)).toEqual({ code: "node-cannot-pull", found, hint });
  });

  it("for want of a login is not given a file", () => {
    const said = wrapped(
      "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
    );
    expect(explain(said)).toEqual({
      code: "node-cannot-pull",
      found: `${name} asks it for a login.`,
      hint: "Give the namespace's default service account an imagePullSecret.",
    });
  });

  it.each([
    [
      "failed to extract layer (application/vnd.oci.image.layer.v1.tar sha256:1b) to overlayfs: archive/tar: invalid tar header",
      "10.0.0.5:32000 gives it a layer that it cannot unpack.",
    ],
    [
      "failed to copy: write /var/lib/containerd/ingest/x/data: no space left on device",
      "10.0.0.5:32000 answers it, but its disk is full.",
    ],
  ])("is not blamed on a file when the image or the disk is at fault: %s", (cause, found) => {
    const explained = explain(`failed to pull and unpack image "${image}": ${cause}`);
    expect(explained.found).toBe(found);
    expect(explained.hint).not.toContain("hosts.toml");
  });

  it("for a reason nobody knows is tried by hand", () => {
    expect(explain("the moon is full").hint).toBe(`Try it on the node: crictl pull ${image}.`);
  });

  it.each([
    [
      node("containerd://1.7.27", "v1.33.1", { "microk8s.io/cluster": "true" }),
      "Write /var/snap/microk8s/current/args/certs.d/10.0.0.5:32000/hosts.toml on gpu-1:",
    ],
    [
      node("containerd://2.1.4-k3s1", "v1.34.1+k3s1"),
      'Write /etc/rancher/k3s/registries.yaml on gpu-1:\n\n    mirrors:\n      "10.0.0.5:32000":\n        endpoint: ["http://10.0.0.5:32000"]\n\nThen restart k3s there.',
    ],
    [node("containerd://2.1.4-k3s1", "v1.34.1+rke2r1"), "Write /etc/rancher/rke2/registries.yaml on gpu-1:"],
    [
      node("cri-o://1.34.0"),
      "Let cri-o://1.34.0 on gpu-1 ask http://10.0.0.5:32000 for 10.0.0.5:32000: an insecure registry in its own configuration.",
    ],
    [undefined, "Write /etc/containerd/certs.d/10.0.0.5:32000/hosts.toml on gpu-1:"],
  ])("has its file where its distribution keeps it (%#)", (on, begin) => {
    const said = request(`https://${name}${path}`, "http: server gave HTTP response to HTTPS client");
    const { hint } = explain(said, on as Node);
    expect(hint.slice(0, begin.length)).toBe(begin);
  });
});

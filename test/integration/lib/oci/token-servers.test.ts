import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudHost } from "../../../support/cloud.ts";
import { type CloudStage, json, openCloudStage } from "../../../support/cloud-push.ts";

let stage: CloudStage;
beforeAll(async () => {
  stage = await openCloudStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("a public registry with a token server of its own", () => {
  it.each([
    ["ghcr.io", "ghcr.io", "https://ghcr.io/token", "ghcr.io", "pkg-containers.githubusercontent.com"],
    [
      "docker.io",
      "registry-1.docker.io",
      "https://auth.docker.io/token",
      "registry.docker.io",
      "production.cloudflare.docker.com",
    ],
    ["quay.io", "quay.io", "https://quay.io/v2/auth", "quay.io", "cdn01.quay.io"],
  ])(
    "gets a token for the scope, and its store of blobs sees none: %s",
    async (registry, host, realm, service, store) => {
      const authorization = `Basic ${btoa("ada:token")}`;
      const tokens: CloudHost = ({ url, headers }) => {
        const isRight = headers.authorization === authorization && url.searchParams.get("service") === service;
        return isRight
          ? json({ token: `for ${url.searchParams.getAll("scope").join(" ")}`, expires_in: 300 })
          : json({}, 401);
      };
      const { host: tokenHost, pathname: tokenPath } = new URL(realm);
      const entry: CloudHost = (call) => {
        const { url, headers, method } = call;
        if (host === tokenHost && url.pathname === tokenPath) return tokens(call);
        if (!headers.authorization?.startsWith("Bearer for repository:acme/"))
          return {
            status: 401,
            headers: { "www-authenticate": `Bearer realm="${realm}",service="${service}",scope="repository:x:pull"` },
          };
        if (method === "GET" && url.pathname.includes("/blobs/sha256"))
          return { status: 307, headers: { location: `https://${store}${url.pathname}` } };
        return "forward";
      };
      const hosts = { [tokenHost]: tokens, [host]: entry, [store]: (): "forward" => "forward" };
      await using cloud = await stage.start(hosts);
      await writeFile(
        join(stage.folder, "config.json"),
        JSON.stringify({
          auths: { [registry === "docker.io" ? "https://index.docker.io/v1/" : registry]: { auth: btoa("ada:token") } },
        }),
      );
      await stage.push(cloud, { registry, env: { DOCKER_CONFIG: stage.folder } });
      const seen = cloud.calls.filter((call) => call.host === store).map(({ headers }) => headers.authorization);
      expect(seen).toEqual([undefined, undefined, undefined]);
      const shown = cloud.calls
        .filter(({ headers }) => headers.authorization === authorization)
        .map((call) => call.host);
      expect(new Set(shown)).toEqual(new Set([tokenHost]));
    },
  );
});

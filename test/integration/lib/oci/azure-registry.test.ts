import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudHost } from "../../../support/cloud.ts";
import { type CloudStage, fieldsOf, json, openCloudStage } from "../../../support/cloud-push.ts";

let stage: CloudStage;
beforeAll(async () => {
  stage = await openCloudStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("Azure's registry", () => {
  const registry = "acme.azurecr.io";
  const account = { AZURE_TENANT_ID: "tenant-1", AZURE_CLIENT_ID: "client-1" };

  /** As https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md describes it. */
  function azure(proofs: Readonly<Record<string, string>>): Readonly<Record<string, CloudHost>> {
    return {
      "login.microsoftonline.com": async (call) => {
        const expected = {
          grant_type: "client_credentials",
          client_id: "client-1",
          scope: "https://containerregistry.azure.net/.default",
          ...proofs,
        };
        const isRight = isDeepStrictEqual(await fieldsOf(call), expected);
        if (call.url.pathname !== "/tenant-1/oauth2/v2.0/token" || !isRight)
          return json(
            {
              error: "invalid_client",
              error_description: "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1",
            },
            401,
          );
        return json({ token_type: "Bearer", expires_in: 3599, access_token: "entra-token" });
      },
      [registry]: async (call) => {
        const { pathname } = call.url;
        if (pathname === "/oauth2/exchange") {
          const fields = await fieldsOf(call);
          const wanted = {
            grant_type: "access_token",
            service: registry,
            tenant: "tenant-1",
            access_token: "entra-token",
          };
          return isDeepStrictEqual(fields, wanted) ? json({ refresh_token: "refresh-token" }) : json({}, 401);
        }
        if (pathname === "/oauth2/token") {
          const { scope, ...fields } = await fieldsOf(call);
          const wanted = {
            grant_type: "refresh_token",
            client_id: "gpu-ci",
            service: registry,
            refresh_token: "refresh-token",
          };
          const isRight = isDeepStrictEqual(fields, wanted);
          return isRight ? json({ access_token: `for ${scope}` }) : json({}, 401);
        }
        if (call.headers.authorization?.startsWith("Bearer for repository:acme/")) return "forward";
        const challenge = `Bearer realm="https://${registry}/oauth2/token",service="${registry}"`;
        return { status: 401, headers: { "www-authenticate": challenge } };
      },
    };
  }

  it("is logged in to by a service principal, once for a whole push", async () => {
    await using cloud = await stage.start(azure({ client_secret: "hidden" }));
    await stage.push(cloud, { registry, env: { ...account, AZURE_CLIENT_SECRET: "hidden" } });
    const logins = cloud.calls
      .map(({ host, url }) => `${host}${url.pathname}`)
      .filter((url) => /exchange|v2\.0/.test(url));
    expect(logins).toEqual(["login.microsoftonline.com/tenant-1/oauth2/v2.0/token", "acme.azurecr.io/oauth2/exchange"]);
  });

  const assertion = {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: "identity-token",
  };

  it("is logged in to by the identity token of a workflow", async () => {
    const tokens: CloudHost = ({ url, headers }) =>
      url.search === "?v=2&audience=api%3A%2F%2FAzureADTokenExchange" &&
      headers.authorization === "Bearer request-token"
        ? json({ value: "identity-token" })
        : json({}, 403);
    const hosts = { ...azure(assertion), "run.actions.githubusercontent.com": tokens };
    await using cloud = await stage.start(hosts);
    await stage.push(cloud, {
      registry,
      env: {
        ...account,
        ACTIONS_ID_TOKEN_REQUEST_URL: "https://run.actions.githubusercontent.com/token?v=2",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-token",
      },
    });
  });

  it("is logged in to by the token file of a pod with a workload identity", async () => {
    await using cloud = await stage.start(azure(assertion));
    await writeFile(join(stage.folder, "azure-token"), "identity-token\n");
    await stage.push(cloud, {
      registry,
      env: { ...account, AZURE_FEDERATED_TOKEN_FILE: join(stage.folder, "azure-token") },
    });
  });

  it("that refuses the secret says so in Azure's words, without the secret", async () => {
    await using cloud = await stage.start(azure({ client_secret: "hidden" }));
    const failing = stage.push(cloud, { registry, env: { ...account, AZURE_CLIENT_SECRET: "other-secret" } });
    await expect(failing).rejects.toMatchObject({
      code: "cloud-login-failed",
      message:
        "login.microsoftonline.com did not log in to acme.azurecr.io: HTTP 401, AADSTS7000215: Invalid client secret provided..",
    });
  });

  it("gets the name and password given, and Azure's account is not asked", async () => {
    const hosts = azure({});
    const basic: CloudHost = (call) =>
      call.url.pathname === "/oauth2/token" && call.method === "GET"
        ? json(
            call.headers.authorization === `Basic ${btoa("sp:pw")}`
              ? { access_token: `for ${call.url.searchParams.get("scope")}` }
              : {},
          )
        : (hosts[registry]?.(call) ?? {});
    await using cloud = await stage.start({ ...hosts, [registry]: basic });
    await stage.push(cloud, {
      registry,
      username: "sp",
      password: "pw",
      env: { ...account, AZURE_CLIENT_SECRET: "x" },
    });
    expect(cloud.calls.filter(({ host }) => host !== registry)).toEqual([]);
  });
});

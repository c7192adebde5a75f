import { askCloud, type CloudConnection, form, textField } from "./cloud-request.ts";
import type { Credentials } from "./credentials.ts";
import { findIdentityToken } from "./identity-token.ts";

/** Each of Azure's clouds has a login service of its own. */
const authorities: Readonly<Record<string, string>> = {
  io: "https://login.microsoftonline.com",
  us: "https://login.microsoftonline.us",
  cn: "https://login.chinacloudapi.cn",
};

/** Whether a registry is one of Azure's, which get tokens that no other registry may see. */
export function isAzureRegistry(registry: string): boolean {
  return azureCloud(registry) !== undefined;
}

/**
 * A registry token for the service principal or federated identity of Azure's own variables AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET,
 * AZURE_FEDERATED_TOKEN_FILE or GitHub's identity token; undefined without them. https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
 */
export async function loginToAzure(
  registry: string,
  env: NodeJS.ProcessEnv,
  connection: CloudConnection,
): Promise<Credentials | undefined> {
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client } = env;
  if (!tenant || !client) return undefined;
  const proof = await findProof(env, connection);
  if (!proof) return undefined;
  const doing = `log in to ${registry}`;
  const authority = env.AZURE_AUTHORITY_HOST ?? authorities[azureCloud(registry) ?? "io"];
  const login = { url: new URL(`/${encodeURIComponent(tenant)}/oauth2/v2.0/token`, authority), doing };
  const scope = "https://containerregistry.azure.net/.default";
  const asked = form({ grant_type: "client_credentials", client_id: client, scope, ...proof });
  const answer = await askCloud({ ...login, method: "POST", ...asked }, connection);
  const accessToken = textField(answer, "access_token", login);

  const exchange = { url: new URL(`https://${registry}/oauth2/exchange`), doing };
  const fields = form({ grant_type: "access_token", service: registry, tenant, access_token: accessToken });
  const exchanged = await askCloud({ ...exchange, method: "POST", ...fields }, connection);
  return { identityToken: textField(exchanged, "refresh_token", exchange) };
}

/** A secret, or the word of somebody whom the identity trusts. */
async function findProof(
  env: NodeJS.ProcessEnv,
  connection: CloudConnection,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (env.AZURE_CLIENT_SECRET) return { client_secret: env.AZURE_CLIENT_SECRET };
  const wanted = { file: env.AZURE_FEDERATED_TOKEN_FILE, audience: "api://AzureADTokenExchange", env };
  const assertion = await findIdentityToken(wanted, connection);
  if (assertion === undefined) return undefined;
  return {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  };
}

function azureCloud(registry: string): string | undefined {
  return /^[a-z0-9.-]+\.azurecr\.(io|us|cn)$/i.exec(registry)?.[1];
}

import type { AwsKeys } from "./aws-signature.ts";
import { askCloud, type CloudConnection, cloudError, form } from "./cloud-request.ts";
import { findIdentityToken } from "./identity-token.ts";

/**
 * The keys of AWS's own variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else those of the role AWS_ROLE_ARN, assumed by the token
 * in AWS_WEB_IDENTITY_TOKEN_FILE or by GitHub's; undefined without them. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export async function findAwsKeys(
  { region, domain, env }: { readonly region: string; readonly domain: string; readonly env: NodeJS.ProcessEnv },
  connection: CloudConnection,
): Promise<AwsKeys | undefined> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_ROLE_ARN: role } = env;
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey, sessionToken: env.AWS_SESSION_TOKEN };
  if (!role) return undefined;
  const wanted = { file: env.AWS_WEB_IDENTITY_TOKEN_FILE, audience: "sts.amazonaws.com", env };
  const token = await findIdentityToken(wanted, connection);
  if (token === undefined) return undefined;
  const request = { url: new URL(`https://sts.${region}.${domain}/`), doing: `let us assume ${role}` };
  const fields = {
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: role,
    RoleSessionName: env.AWS_ROLE_SESSION_NAME ?? "gpu-ci",
    WebIdentityToken: token,
  };
  const answer = await askCloud({ ...request, method: "POST", ...form(fields), headers: xmlHeaders }, connection);
  const element = (name: string) => {
    const text = new RegExp(`<${name}>([^<]+)</${name}>`).exec(answer)?.[1];
    if (text === undefined) throw cloudError(request, `its answer has no ${name}`);
    return text;
  };
  return {
    accessKeyId: element("AccessKeyId"),
    secretAccessKey: element("SecretAccessKey"),
    sessionToken: element("SessionToken"),
  };
}

const xmlHeaders = { accept: "text/xml", "content-type": "application/x-www-form-urlencoded" };

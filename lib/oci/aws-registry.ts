import { DomainError } from "../error.ts";
import { findAwsKeys } from "./aws-keys.ts";
import { signAwsRequest } from "./aws-signature.ts";
import { type CloudConnection, type CloudRequest, sendCloud } from "./cloud-request.ts";
import type { Credentials } from "./credentials.ts";

/** What the name of a registry of AWS tells: `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, in China with `.cn`, and a variant for FIPS. */
export interface AwsRegistry {
  readonly account: string;
  readonly region: string;
  /** Where the region's APIs are, for instance `amazonaws.com`. */
  readonly domain: string;
}

/** Undefined when the registry is none of AWS. */
export function parseAwsRegistry(registry: string): AwsRegistry | undefined {
  const pattern = /^(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)$/;
  const [, account, region, domain] = pattern.exec(registry) ?? [];
  return account && region && domain ? { account, region, domain } : undefined;
}

/** A password for twelve hours, for the account of AWS's own variables; undefined without them. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html */
export async function loginToAws(
  registry: AwsRegistry,
  env: NodeJS.ProcessEnv,
  connection: CloudConnection,
): Promise<Credentials | undefined> {
  const answer = await callEcr(registry, { action: "GetAuthorizationToken", fields: {}, env }, connection);
  if (answer === undefined) return undefined;
  const [data] =
    (JSON.parse(answer.text) as { authorizationData?: { authorizationToken?: string }[] }).authorizationData ?? [];
  const [username, ...password] = Buffer.from(data?.authorizationToken ?? "", "base64")
    .toString("utf8")
    .split(":");
  if (!username || password.length === 0) throw failed(registry, "log in", "its answer has no token");
  return { username, password: password.join(":") };
}

/** Makes a repository, or finds that it is there; false without an account. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
export async function createAwsRepository(
  registry: AwsRegistry,
  options: { readonly repository: string; readonly env: NodeJS.ProcessEnv },
  connection: CloudConnection,
): Promise<boolean> {
  const fields = { registryId: registry.account, repositoryName: options.repository };
  return (await callEcr(registry, { action: "CreateRepository", fields, env: options.env }, connection)) !== undefined;
}

async function callEcr(
  registry: AwsRegistry,
  { action, fields, env }: { action: string; fields: Readonly<Record<string, string>>; env: NodeJS.ProcessEnv },
  connection: CloudConnection,
): Promise<{ readonly text: string } | undefined> {
  const { region, domain } = registry;
  const keys = await findAwsKeys({ region, domain, env }, connection);
  if (!keys) return undefined;
  const url = new URL(`https://api.ecr.${region}.${domain}/`);
  const body = JSON.stringify(fields);
  const named = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": `AmazonEC2ContainerRegistry_V20150921.${action}`,
  };
  const asked = { method: "POST" as const, url, body };
  const headers = signAwsRequest({ ...asked, headers: named, region, service: "ecr" }, keys, new Date());
  const request: CloudRequest = { ...asked, headers, doing: action };
  const { status, text } = await sendCloud(request, connection);
  const { __type: type = "", message = "" } = (status === 200 ? {} : parse(text)) as {
    __type?: string;
    message?: string;
  };
  if (status === 200 || type.endsWith("RepositoryAlreadyExistsException")) return { text };
  throw failed(registry, action, `HTTP ${status}, ${type.split("#").at(-1)}${message ? `: ${message}` : ""}`);
}

function parse(text: string): object {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return {};
  }
}

function failed({ account, region }: AwsRegistry, action: string, observed: string): DomainError {
  return new DomainError(
    "cloud-login-failed",
    `AWS did not ${action} for registry ${account} in ${region}: ${observed}.`,
    {
      hint: "Grant the role ecr:GetAuthorizationToken, the upload rights and, for new repositories, ecr:CreateRepository.",
    },
  );
}

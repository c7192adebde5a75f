import { createAwsRepository, loginToAws, parseAwsRegistry } from "./aws-registry.ts";
import { isAzureRegistry, loginToAzure } from "./azure-registry.ts";
import type { CloudConnection } from "./cloud-request.ts";
import type { Credentials } from "./credentials.ts";

/** Logs in to a registry of Azure or AWS with the account that their own environment variables name; undefined for other registries and without an account. */
export async function findCloudCredentials(
  registry: string,
  env: NodeJS.ProcessEnv,
  connection: CloudConnection,
): Promise<Credentials | undefined> {
  const aws = parseAwsRegistry(registry);
  if (aws) return loginToAws(aws, env, connection);
  return isAzureRegistry(registry) ? loginToAzure(registry, env, connection) : undefined;
}

/** Makes a repository where a registry wants that before a push; false where it does not, or we have no account there. */
export async function createCloudRepository(
  registry: string,
  options: { readonly repository: string; readonly env: NodeJS.ProcessEnv },
  connection: CloudConnection,
): Promise<boolean> {
  const aws = parseAwsRegistry(registry);
  return aws ? createAwsRepository(aws, options, connection) : false;
}

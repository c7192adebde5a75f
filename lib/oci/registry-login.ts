import type { Exec } from "../exec.ts";
import { findCloudCredentials } from "./cloud-credentials.ts";
import type { CloudConnection } from "./cloud-request.ts";
import { type Credentials, findCredentials } from "./credentials.ts";

export interface LoginOptions {
  readonly registry: string;
  /** Both or none. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly exec: Exec;
}

/** Finds what one registry accepts, once: the name and password given, else docker's and podman's configuration, else the account at its cloud. */
export function createLogin(options: LoginOptions): (connection: CloudConnection) => Promise<Credentials | undefined> {
  let found: Promise<Credentials | undefined> | undefined;
  return (connection) => {
    found ??= find(options, connection).catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    return found;
  };
}

async function find(
  { registry, username, password, env, exec }: LoginOptions,
  connection: CloudConnection,
): Promise<Credentials | undefined> {
  if (username !== undefined && password !== undefined) return { username, password };
  return (await findCredentials(registry, env, exec)) ?? findCloudCredentials(registry, env, connection);
}

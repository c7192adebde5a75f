import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Where an image goes to. */
export interface PushPlace {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly log: Log;
}

/** Runs what needs a repository; where the registry wants it made first and that is for us to do, it is made and the operation run again. */
export async function inRepository<T>({ client, repository, log }: PushPlace, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== "repository-absent") throw error;
    if (!(await client.createRepository(repository))) throw error;
    log.info(`Created repository ${repository} in ${client.registry}.`);
    return operation();
  }
}

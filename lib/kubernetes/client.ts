import type { Log } from "../log.ts";
import type { Transport } from "./transport.ts";

/** A cluster to work in: the one object that every function of this folder takes first. */
export interface Cluster extends Transport {
  /** Where objects are when nothing else is said. */
  readonly namespace: string;
}

export interface ConnectOptions {
  /** Path or content of a kubeconfig. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** How long watches and logs go on trying while the API server is away; default 5 min. */
  readonly awayBudgetMs?: number;
}

/** Says which kubeconfig would be used, for people; undefined when no cluster is configured here. Nothing is contacted. */
export function findKubeconfig(options: {
  kubeconfig?: string | undefined;
  env: NodeJS.ProcessEnv;
}): string | undefined {
  throw new Error(`not written: ${options.kubeconfig}`);
}

/** Throws DomainError `kubeconfig-missing`, `kubeconfig-invalid` or `context-missing`. Contacts nothing yet. */
export async function connectKubernetes(options: ConnectOptions): Promise<Cluster> {
  throw new Error(`not written: ${options.kubeconfig}`);
}

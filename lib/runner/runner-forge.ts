/** A runner as the forge lists it. */
export interface ForgeRunner {
  readonly id: number;
  readonly name: string;
  readonly online: boolean;
  readonly busy: boolean;
}

/** What one runner needs to take one job, and nothing else. */
export interface RunnerRegistration {
  readonly id: number;
  readonly name: string;
  /** Name of the file that the runner reads. */
  readonly file: string;
  readonly content: string;
}

/** Where runners are registered: GitHub, or Gitea and Forgejo. Every call throws DomainError when the forge is away or refuses. */
export interface RunnerForge {
  /** Registers a runner for one job. */
  register(name: string, signal: AbortSignal): Promise<RunnerRegistration>;
  /** All runners of the scope, other people's included. */
  list(signal: AbortSignal): Promise<readonly ForgeRunner[]>;
  /** Takes an idle runner away without ever losing a job: false, and nothing is changed, when it has just taken one. */
  retire(runner: ForgeRunner, signal: AbortSignal): Promise<boolean>;
  /**
   * Takes away a runner whose process has ended. The job it had is ended where the forge lets us, which needs its registration; elsewhere the
   * forge itself finds out, and false says that the runner is still listed.
   */
  remove(runner: ForgeRunner, registration: string | undefined, signal: AbortSignal): Promise<boolean>;
}

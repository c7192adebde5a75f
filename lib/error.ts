/**
 * A wrong input: the caller's workflow or command line has to change. Thrown before any network call and before
 * anything is created; ends the process with exit code 2.
 */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly input: string;

  constructor(input: string, value: string, allowed: string, hint?: string) {
    const shown = value.length > 200 ? `${value.slice(0, 200)}…` : value;
    super(
      `Input ${input} is ${shown === "" ? "empty" : JSON.stringify(shown)}; allowed: ${allowed}.${hint ? `\n${hint}` : ""}`,
    );
    this.input = input;
  }
}

/** Fields of a DomainError besides its code and message. */
export interface DomainErrorOptions {
  /** What the reader should do, one sentence. */
  readonly hint?: string;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/**
 * The world is not as needed: a registry, cluster, builder, repository or GitHub refused or is away. Its message says what failed,
 * on which object, and what was observed; the hint says what to do. Ends the process with exit code 3 (infrastructure).
 */
export class DomainError extends Error {
  override readonly name = "DomainError";
  /** Kebab-case and literal at the place that throws, so that code and tests can tell cases apart. */
  readonly code: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: DomainErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}

/** The caller ended the run by SIGINT (exit code 130) or SIGTERM (143). It is the reason of the aborted signal. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
  readonly exitCode: 130 | 143;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`Cancelled by ${signal}.`);
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

/** The exit code that an error of a story stands for (design.md rule 2). A bug of ours is 3 as well: never a test's failure. */
export function exitCodeOfError(error: unknown): 2 | 3 | 130 | 143 {
  if (error instanceof InputError) return 2;
  if (error instanceof CancelledError) return error.exitCode;
  return 3;
}

/** The text for a reader: message, then hint, then what caused it; with the stack only when the error is a bug of ours. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `Unexpected: ${String(error)}`;
  if (error instanceof InputError || error instanceof CancelledError) return error.message;
  if (!(error instanceof DomainError)) return error.stack ?? error.message;
  const cause = error.cause instanceof Error ? `Cause: ${error.cause.message}` : undefined;
  return [error.message, error.hint, cause].filter((line) => line !== undefined).join("\n");
}

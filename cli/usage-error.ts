/** A command line that cannot be understood: shown without a stack, with the way to help; ends the process with exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

import { describeError } from "../../lib/error.ts";

/** What an error says in one line, and its hint where it has one. */
export function firstLines(error: unknown): readonly [message: string, hint: string | undefined] {
  const [message = "", hint] = describeError(error).split("\n");
  return [message, hint];
}

import { namesGpu, type Outcome, type TestCase } from "./test-suite.ts";

const messageLimit = 4000;
const textLimit = 16_000;

/** What a line-based result format tells of a case. */
export interface CaseFacts {
  readonly suite: string;
  readonly name: string;
  readonly outcome: Outcome;
  readonly durationMs?: number | undefined;
  readonly message?: string | undefined;
  /** What was printed while it ran. */
  readonly text?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}

/** Message of a case that began and of whose end nothing is known. */
export const unfinished = "It had not ended when its output did.";

/** Makes a case of facts; message and text are cut as those of JUnit files are. */
export function toTestCase(facts: CaseFacts): TestCase {
  const { suite, name, outcome, durationMs = 0, message = "", text = "", file, line } = facts;
  const skipMessage = outcome === "skipped" ? `${message} ${text}` : "";
  const isBad = outcome === "failed" || outcome === "errored";
  return {
    suite,
    className: "",
    name,
    outcome,
    durationMs,
    message: message.slice(0, messageLimit),
    text: isBad ? text.trim().slice(0, textLimit) : "",
    file,
    line,
    gpu: namesGpu([suite, name, skipMessage].join("\n")),
  };
}

/** The first `file.ext:12` of a text that begins one of its lines. */
export function placeIn(text: string): { readonly file?: string; readonly line?: number } {
  const [, file, line] = /^\s*((?:\.{0,2}\/)?[\w./+-]+\.\w+):(\d+)\b/m.exec(text) ?? [];
  return file === undefined ? {} : { file, line: Number(line) };
}

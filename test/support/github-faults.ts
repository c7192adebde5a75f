/** How one call, or the next few, go wrong. */
export interface Fault {
  /** Matches `METHOD /path` below the repository. */
  readonly match: RegExp;
  /** How many calls it hits; default 1. */
  readonly times?: number;
  /** Answers with this instead of doing what was asked. */
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Cuts the connection instead of answering; after the work was done where `after` is given. */
  readonly hangUp?: boolean;
  /** Runs before the call is handled or refused. */
  readonly before?: () => void;
  /** Runs after the call was handled. */
  readonly after?: () => void;
}

/** The faults that are still to come. */
export interface Faults {
  add(fault: Fault): void;
  take(call: string): Fault | undefined;
}

/** An empty list of faults. */
export function faultList(): Faults {
  const waiting: { fault: Fault; left: number }[] = [];
  return {
    add: (fault) => waiting.push({ fault, left: fault.times ?? 1 }),
    take: (call) => {
      const found = waiting.find(({ fault, left }) => left > 0 && fault.match.test(call));
      if (found) found.left -= 1;
      return found?.fault;
    },
  };
}

/** A proxy's page in place of an answer. */
export const htmlPage = {
  status: 502,
  body: "<html><body><h1>Unicorn!</h1></body></html>",
  headers: { "content-type": "text/html" },
};

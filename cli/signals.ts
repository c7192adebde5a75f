import { CancelledError } from "../lib/error.ts";

/** A signal that SIGINT and SIGTERM abort with a CancelledError; a second SIGINT ends the process at once. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
}

/** Listens to SIGINT and SIGTERM until it is disposed. */
export function listenForInterruption(say: (line: string) => void): Interruption {
  const controller = new AbortController();
  let interrupts = 0;
  const listeners = (["SIGINT", "SIGTERM"] as const).map((name) => {
    const listener = () => {
      if (name === "SIGINT" && ++interrupts > 1) process.exit(130);
      if (!controller.signal.aborted)
        say(`${name}: cleaning up${name === "SIGINT" ? "; press Ctrl-C again to end at once" : ""}.`);
      controller.abort(new CancelledError(name));
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const [name, listener] of listeners) process.off(name, listener);
    },
  };
}

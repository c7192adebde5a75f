import type { Log } from "../log.ts";

/** Warns when a thing is new: the same trouble at every look is one line. `undefined` says that it is over. */
export function sayOnce(log: Log): (message: string | undefined) => void {
  let last: string | undefined;
  return (message) => {
    if (message !== undefined && message !== last) log.warning(message);
    last = message;
  };
}

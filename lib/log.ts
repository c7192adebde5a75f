/** How far a transfer or a wait has come. */
export interface Progress {
  readonly label: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: "bytes" | "items";
}

/** Where a story says what it does. Actions print it as workflow commands, the terminal as lines; nothing goes to stdout but the result. */
export interface Log {
  info(message: string): void;
  warning(message: string): void;
  debug(message: string): void;
  /** Runs `body` inside a named, foldable group. */
  group<T>(name: string, body: () => Promise<T>): Promise<T>;
  /** May be called very often: the adapter decides how much of it is shown. */
  progress(progress: Progress): void;
}

/** A log that keeps nothing, for probes whose outcome is reported elsewhere. */
export const silentLog: Log = {
  info() {},
  warning() {},
  debug() {},
  group: (_name, body) => body(),
  progress() {},
};

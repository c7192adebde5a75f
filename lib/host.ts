import type { Exec } from "./exec.ts";
import type { GetInput } from "./input.ts";
import type { Log } from "./log.ts";
import type { SetOutput } from "./output.ts";

/** Who asked for this run and for what; names, labels and annotations of our objects are made from it. */
export interface RunIdentity {
  /** Workflow run id under Actions; a random id in a terminal. */
  readonly id: string;
  /** 1 for the first attempt of a run. */
  readonly attempt: number;
  /** Tells matrix legs of one run apart: job name and matrix values; empty when there is nothing to tell apart. */
  readonly matrix: string;
  readonly url: string | undefined;
  readonly actor: string | undefined;
  readonly repository: string | undefined;
  readonly commit: string | undefined;
  /** Pod of the runner, where `gpu-ci runners controller` made it: what a run leaves behind goes when this pod is gone. */
  readonly runnerPod?: string | undefined;
}

/** A note on a file and line, shown beside the code. */
export interface Annotation {
  readonly level: "error" | "warning" | "notice";
  readonly title: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
}

/** Values that the main step leaves for its post step. Saved before the thing they name is created (design.md rule 5). */
export interface State {
  get(key: string): string;
  save(key: string, value: string): void;
  /** Whether a post step follows, which reads what was saved; default is no. */
  readonly hasPost?: boolean;
}

/** Everything a story may ask of the place it runs in: a step of GitHub Actions, or a terminal. */
export interface Host {
  readonly input: GetInput;
  readonly output: SetOutput;
  readonly log: Log;
  readonly exec: Exec;
  /** Aborted by SIGINT or SIGTERM with a CancelledError as its reason. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => Date;
  /** A private folder for files of this run; removed with the job, or by whoever made the host. */
  readonly tempDirectory: string;
  readonly state: State;
  readonly run: RunIdentity;
  /** Writes bytes of a test's log to the console as they are: the caller has made them safe, and overwrites them once this has settled. */
  readonly console: (bytes: Uint8Array) => Promise<void>;
  readonly annotate: (annotation: Annotation) => void;
  /** Appends Markdown to the job summary. */
  readonly summary: (markdown: string) => Promise<void>;
  /** Hides a value in everything the host prints from now on. */
  readonly mask: (secret: string) => void;
}

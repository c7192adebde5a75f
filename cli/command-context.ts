import type { ScreenStream } from "./terminal-screen.ts";

/** Where a command prints and what it was started with. Only a result goes to stdout. */
export interface Terminal {
  readonly stdout: ScreenStream;
  readonly stderr: ScreenStream;
  readonly env: NodeJS.ProcessEnv;
}

/** What every command is given. */
export interface CommandContext extends Terminal {
  /** The folder of this installation. */
  readonly root: string;
}

/** Runs a command with the words after its name; gives the exit code of design.md rule 2. */
export type Command = (argv: readonly string[], context: CommandContext) => Promise<number>;

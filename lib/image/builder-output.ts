import { createFenceToken, createLogRelay } from "../log-relay.ts";

export interface BuilderOutputOptions {
  readonly console: (bytes: Uint8Array) => Promise<void>;
  readonly env: NodeJS.ProcessEnv;
  readonly secrets: readonly string[];
}

/** Shows what a builder prints, line by line and as data: a build step's output must not drive the runner. */
export interface BuilderOutput extends AsyncDisposable {
  readonly line: (line: string) => void;
}

/** Opens the way from a builder to the console; dispose it to write what is left. */
export function openBuilderOutput({ console, env, secrets }: BuilderOutputOptions): BuilderOutput {
  const fence = env.GITHUB_ACTIONS === "true" ? { fence: createFenceToken() } : {};
  const relay = createLogRelay({ write: console, mask: secrets, ...fence });
  let written = Promise.resolve();
  return {
    line: (line) => {
      written = written.then(() => relay.push(Buffer.from(`${line}\n`)));
    },
    [Symbol.asyncDispose]: async () => {
      await written;
      await relay.end();
    },
  };
}

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { exec } from "../../lib/exec.ts";

/** A git identity, a fixed time and no configuration of the machine: the same commits everywhere. */
export const gitEnvironment = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};

/** A real git repository in a temporary folder. */
export interface TestRepository extends AsyncDisposable {
  /** The folder that holds the repository, for clones and bare copies beside it. */
  readonly parent: string;
  readonly path: string;
  git(...args: readonly string[]): Promise<string>;
  gitIn(directory: string, ...args: readonly string[]): Promise<string>;
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Commits everything at a time in Unix seconds; gives the commit. */
  commit(message: string, seconds?: number): Promise<string>;
}

/** Makes an empty repository on branch `main`; disposing it removes the folder. */
export async function createRepository(): Promise<TestRepository> {
  const parent = await mkdtemp(join(tmpdir(), "gpu-ci-git-"));
  const path = join(parent, "work");
  const gitIn = async (directory: string, ...args: readonly string[]) =>
    (await exec("git", args, { cwd: directory, env: gitEnvironment })).stdout.trim();
  await gitIn(parent, "init", "--quiet", "--initial-branch=main", "work");
  const git = (...args: readonly string[]) => gitIn(path, ...args);
  return {
    parent,
    path,
    git,
    gitIn,
    write: async (file, content) => {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), content);
    },
    commit: async (message, seconds = 1795189119) => {
      await git("add", "--all");
      const time = `${seconds} +0200`;
      const env = { ...gitEnvironment, GIT_AUTHOR_DATE: time, GIT_COMMITTER_DATE: time };
      await exec("git", ["commit", "--quiet", "--allow-empty", "-m", message], { cwd: path, env });
      return git("rev-parse", "HEAD");
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

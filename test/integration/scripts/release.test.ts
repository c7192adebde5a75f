import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { release } from "../../../scripts/release.ts";
import { gitIn } from "../../support/forge.ts";

let folder: string;
let directory: string;
let remote: string;
let git: ReturnType<typeof gitIn>;
const options = (version: string) => ({ directory, version, remote, branch: "main", dryRun: false, env: process.env });
const refsOfRemote = async () => (await git("ls-remote", remote)).split("\n").map((line) => line.split("\t")[1]);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-release-test-"));
  directory = join(folder, "clone");
  remote = join(folder, "remote.git");
  git = gitIn(directory);
  write(
    "actions/greet/action.yml",
    "{name: greet, runs: {using: node24, main: dist/main/index.js, post: dist/post/index.js}}",
  );
  write(".gitignore", "dist/\n");
  write(".github/workflows/greet.yml", "name: greet\n");
  await gitIn(folder)("init", "--quiet", "--bare", "--initial-branch=main", remote);
  await git("init", "--quiet", "--initial-branch=main");
  await commit("first");
  write("actions/greet/dist/main/index.js", "main 1");
  write("actions/greet/dist/main/licenses.txt", "licences");
  write("actions/greet/dist/post/index.js", "post 1");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("scripts/release.ts", () => {
  it("puts one commit with the bundles on main's, under the exact tag and the branch of the major version", async () => {
    const head = await git("rev-parse", "HEAD");
    const { commit: released, refs } = release(options("1.2.3"));

    expect(refs).toEqual(["refs/tags/v1.2.3", "refs/heads/v1"]);
    await git("fetch", "--quiet", remote, "refs/tags/v1.2.3", "refs/heads/v1");
    expect(await git("rev-parse", `${released}^`)).toBe(head);
    expect((await git("diff", "--name-status", head, released)).split("\n")).toEqual([
      "A\tactions/greet/dist/main/index.js",
      "A\tactions/greet/dist/main/licenses.txt",
      "A\tactions/greet/dist/post/index.js",
    ]);
    expect(await git("ls-remote", remote)).toBe(
      [`${head}\tHEAD`, `${head}\trefs/heads/main`, `${released}\trefs/heads/v1`, `${released}\trefs/tags/v1.2.3`].join(
        "\n",
      ),
    );
    expect(await git("status", "--porcelain")).toBe("");
  });

  it("moves the branch to the next release and leaves the tag of the last one", async () => {
    const first = release(options("1.2.3"));
    write("source.ts", "2");
    await commit("second");
    write("actions/greet/dist/main/index.js", "main 2");
    const second = release(options("1.3.0"));

    const refs = await git("ls-remote", remote, "v*");
    expect(refs.split("\n")).toEqual([
      `${second.commit}\trefs/heads/v1`,
      `${first.commit}\trefs/tags/v1.2.3`,
      `${second.commit}\trefs/tags/v1.3.0`,
    ]);
  });

  it("leaves the branch alone for a pre-release", async () => {
    expect(release(options("2.0.0-rc.1")).refs).toEqual(["refs/tags/v2.0.0-rc.1"]);
    expect(await refsOfRemote()).toEqual(["HEAD", "refs/heads/main", "refs/tags/v2.0.0-rc.1"]);
  });

  it("pushes nothing in a dry run, and the real run gives the commit that it named", async () => {
    const { commit: planned } = release({ ...options("1.2.3"), dryRun: true });
    expect(await refsOfRemote()).toEqual(["HEAD", "refs/heads/main"]);
    expect(release(options("1.2.3")).commit).toBe(planned);
  });
});

describe("scripts/release.ts pushes nothing", () => {
  afterEach(async () => expect((await refsOfRemote()).filter((ref) => ref?.includes("v9"))).toEqual([]));

  it("of a text that is no version", () => {
    expect(() => release(options("v9.0.0"))).toThrow("v9.0.0 is not a version; allowed: one such as 1.2.3.");
  });

  it("from a tree with changes, of workflow files too", () => {
    write(".github/workflows/greet.yml", "name: changed\n");
    expect(() => release(options("9.0.0"))).toThrow(/changes that are not committed:\n.*greet\.yml/);
  });

  it("from a commit that is not the newest of main", async () => {
    write("source.ts", "2");
    await git("add", "--all");
    await git("commit", "--quiet", "--message", "not pushed");
    expect(() => release(options("9.0.0"))).toThrow(/^HEAD [0-9a-f]{40} is not the newest commit of main\.$/);
  });

  it.each(["10.0.0", "9.0.0"])("below or at a version that is released already, %s", async (released) => {
    await git("push", "--quiet", remote, `HEAD:refs/tags/v${released}`);
    try {
      expect(() => release(options("9.0.0"))).toThrow(`v${released} is released already; 9.0.0 must be above it`);
    } finally {
      await git("push", "--quiet", remote, `:refs/tags/v${released}`);
    }
  });

  it("without a bundle that an action names", () => {
    rmSync(join(directory, "actions/greet/dist/post"), { recursive: true });
    expect(() => release(options("9.0.0"))).toThrow(
      "No bundles at actions/greet/dist/post/index.js; run: npm run build",
    );
  });
});

function write(file: string, content: string): void {
  mkdirSync(join(directory, file, ".."), { recursive: true });
  writeFileSync(join(directory, file), content);
}

async function commit(message: string): Promise<void> {
  await git("add", "--all");
  await git("commit", "--quiet", "--message", message);
  await git("push", "--quiet", remote, "HEAD:refs/heads/main");
}

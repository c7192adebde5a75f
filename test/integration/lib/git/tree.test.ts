import { chmod, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import type { GitTree } from "../../../../lib/git/git-tree.ts";
import { openTree } from "../../../../lib/git/tree.ts";
import { selectTreeFiles } from "../../../../lib/git/tree-selection.ts";
import { createPathMatcher } from "../../../../lib/image/path-pattern.ts";
import { createRepository, gitEnvironment, type TestRepository } from "../../../support/git-repository.ts";

const open = (repository: TestRepository, ref: string, folder = ".") =>
  openTree({ exec, directory: join(repository.path, folder), env: gitEnvironment }, ref);

/** Everything of a tree as text: `kind path: content`. */
async function read(tree: GitTree): Promise<string[]> {
  const lines: string[] = [];
  for await (const { file, bytes } of tree.contents(tree.files)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes) chunks.push(chunk);
    lines.push(`${file.kind} ${file.path}: ${Buffer.concat(chunks).toString()}`);
  }
  return lines;
}

async function project(): Promise<TestRepository> {
  const repository = await createRepository();
  await repository.write(".gitignore", "*.log\n");
  await repository.write("run.sh", "#!/bin/sh\n");
  await chmod(join(repository.path, "run.sh"), 0o755);
  await repository.write("src/ünï.txt", "ü");
  await repository.write("src/empty", "");
  await symlink("../run.sh", join(repository.path, "src/link"));
  await repository.commit("first");
  return repository;
}

const committed = [
  "file .gitignore: *.log\n",
  "executable run.sh: #!/bin/sh\n",
  "file src/empty: ",
  "symlink src/link: ../run.sh",
  "file src/ünï.txt: ü",
];

describe("openTree", () => {
  it("reads a commit's files with their modes, links and bytes, whatever lies on the disk", async () => {
    await using repository = await project();
    await repository.write("run.sh", "changed");
    await repository.write("new", "new");
    const tree = await open(repository, "main");
    expect(await read(tree)).toEqual(committed);
    expect([tree.revision, tree.commitTime]).toEqual([
      await repository.git("rev-parse", "HEAD"),
      new Date(1795189119_000),
    ]);
  });

  it("reads a clean worktree as its commit", async () => {
    await using repository = await project();
    const [tree, worktree] = [await open(repository, "HEAD"), await open(repository, "worktree")];
    expect(await read(worktree)).toEqual(await read(tree));
    expect(worktree.revision).toBe(tree.revision);
  });

  it("reads uncommitted changes of the worktree, without ignored and deleted files", async () => {
    await using repository = await project();
    await repository.write("run.sh", "changed");
    await repository.write("new", "new");
    await repository.write("noise.log", "ignored");
    await rm(join(repository.path, "src/empty"));
    const tree = await open(repository, "worktree");
    expect(await read(tree)).toEqual([
      "file .gitignore: *.log\n",
      "file new: new",
      "executable run.sh: changed",
      "symlink src/link: ../run.sh",
      "file src/ünï.txt: ü",
    ]);
    expect(tree.revision).toBe(`${await repository.git("rev-parse", "HEAD")}-dirty`);
  });

  it("reads the files that git ignores as well when they are asked for, and nothing of git's own", async () => {
    await using repository = await project();
    await repository.write("noise.log", "ignored");
    const context = { exec, directory: repository.path, env: gitEnvironment };
    const tree = await openTree(context, "worktree", { includeIgnored: true });
    const paths = tree.files.map(({ path }) => path);
    expect(paths.filter((path) => path === "noise.log" || path.startsWith(".git/"))).toEqual(["noise.log"]);
  });

  it("does not follow a link that took a folder's place", async () => {
    await using repository = await project();
    await rm(join(repository.path, "src"), { recursive: true });
    await symlink("/etc", join(repository.path, "src"));
    await symlink("/etc/passwd", join(repository.path, "empty"));
    expect(await read(await open(repository, "worktree"))).toEqual([
      "file .gitignore: *.log\n",
      "symlink empty: /etc/passwd",
      "executable run.sh: #!/bin/sh\n",
      "symlink src: /etc",
    ]);
  });

  it("takes the folder it is opened in as the root", async () => {
    await using repository = await project();
    for (const ref of ["HEAD", "worktree"]) {
      expect((await open(repository, ref, "src")).files.map(({ path }) => path)).toEqual(["empty", "link", "ünï.txt"]);
    }
  });

  it("names a missing commit, and a folder without a repository", async () => {
    await using repository = await project();
    await expect(open(repository, "v9.9.9")).rejects.toMatchObject({ code: "commit-absent" });
    await expect(open(repository, "--output=/tmp/x")).rejects.toMatchObject({ code: "commit-absent" });
    await mkdir(join(repository.parent, "other"));
    await expect(open(repository, "HEAD", "../other")).rejects.toMatchObject({ code: "not-a-repository" });
  });
});

describe("selectTreeFiles", () => {
  async function select(repository: TestRepository, ref: string) {
    const said: string[] = [];
    const log = {
      info() {},
      warning: (line: string) => said.push(line),
      debug() {},
      group: <T>(_: string, body: () => Promise<T>) => body(),
      progress() {},
    };
    const files = await selectTreeFiles(await open(repository, ref), { createMatcher: createPathMatcher, log });
    return { paths: files.map(({ path }) => path), said };
  }

  it("respects .dockerignore, and says when it leaves nothing", async () => {
    await using repository = await project();
    await repository.write(".dockerignore", "**\n!src\nsrc/empty\n");
    expect((await select(repository, "worktree")).paths).toEqual(["src/link", "src/ünï.txt"]);
    await repository.write(".dockerignore", "**\n");
    await expect(select(repository, "worktree")).rejects.toMatchObject({ code: "tree-empty" });
  });

  it.each(["HEAD", "worktree"])("names submodules and LFS pointers of %s in warnings", async (ref) => {
    await using repository = await project();
    await using library = await project();
    await repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.path, "library");
    await repository.write(".gitattributes", "*.bin filter=lfs\n");
    await repository.write(
      "model.bin",
      `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 9\n`,
    );
    await repository.git("-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "--all");
    await repository.commit("more");
    const { paths, said } = await select(repository, ref);
    expect(paths).toEqual([
      ".gitattributes",
      ".gitignore",
      ".gitmodules",
      "model.bin",
      "run.sh",
      "src/empty",
      "src/link",
      "src/ünï.txt",
    ]);
    expect(said).toEqual([
      "Not in the image, because they are submodules: library.",
      "In the image as Git LFS pointers, without their content: model.bin.",
    ]);
  });
});

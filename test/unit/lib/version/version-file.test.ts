import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatVersion, parseVersion, type SemanticVersion } from "../../../../lib/version/semantic-version.ts";
import { readVersionFile, writeVersion } from "../../../../lib/version/version-file.ts";
import { findVersionSpans } from "../../../../lib/version/version-span.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-version-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const next = parseVersion("1.3.0") as SemanticVersion;
const marker = (version: string) => `<repo-version>${version}</repo-version>`;

async function read(name: string, content: string | Buffer) {
  await writeFile(join(folder, name), content);
  const file = await readVersionFile(join(folder, name));
  return file && formatVersion(file.version);
}

async function rewrite(name: string, content: string | Buffer) {
  await writeFile(join(folder, name), content);
  const file = await readVersionFile(join(folder, name));
  if (!file) throw new Error(`${name} holds no version`);
  await writeVersion([file], next);
  return readFile(join(folder, name));
}

describe("where a version stands", () => {
  it.each([
    ["README.md", `# x ${marker("1.2.3")} ${marker("1.2.3")}\n`, "1.2.3"],
    ["README.mdx", `${marker("1.2.4&#45;rc.1")}`, "1.2.4-rc.1"],
    ["README.MD", marker("v1.2.3"), "1.2.3"],
    ["README.md", `\`\`\`\n${marker("1.2")}\n\`\`\`\n`, "1.2.0"],
    ["README.md", "&lt;repo-version&gt;9.9.9&lt;/repo-version&gt; <code></code>\n", undefined],
    ["README.md", "<repo-version>\n1.2.3</repo-version> <REPO-VERSION>1.2.3</REPO-VERSION>", undefined],
    ["README.adoc", "= Title\r\n:Revision:   1.2.3\r\n:toc:\r\n", "1.2.3"],
    ["README.adoc", "= Title\nifdef::x[]\n:revision: 1\nendif::[]\n", undefined],
    ["package.json", '{\n\t"dependencies": {"version": "9.9.9"},\n\t"version": "1.2.3"\n}\n', "1.2.3"],
    ["package.json", '{"name": "x"}', undefined],
    ["pyproject.toml", '[tool.x]\nversion = "9"\n[project]\nname = "é"\nversion = "1.2.3" # here\n', "1.2.3"],
    ["pyproject.toml", '[tool.poetry]\ndescription = """\nversion = "9.9.9"\n"""\nversion = \'1.2.3\'\n', "1.2.3"],
    ["Cargo.toml", '[package]\nversion.workspace = true\n[workspace.package]\nversion = "1.2.3"\n', "1.2.3"],
    ["Cargo.toml", '[dependencies.x]\nversion = "9.9.9"\n', undefined],
    ["Chart.yaml", "apiVersion: v2\nversion: 1.2 # chart\nappVersion: 9.9.9\n", "1.2.0"],
    ["VERSION", "1.2.3\n", "1.2.3"],
  ])("%s with %j has %s", async (name, content, version) => expect(await read(name, content)).toBe(version));

  it.each([
    ["README.md", `${marker("1.2.3")}\n${marker("9.9.9")}`, "version-disagreement"],
    ["README.md", `${marker("1.2.3")} ${marker("[semver]")}`, "version-disagreement"],
    ["README.md", `${marker("1.2")} ${marker("1.2")}`, "version-disagreement"],
    ["README.md", marker(" 1.2.3 "), "version-invalid"],
    ["README.md", marker(""), "version-invalid"],
    ["README.md", marker("1.2.3.4"), "version-invalid"],
    ["README.adoc", ":Revision:   1.2.3  \n", "version-invalid"],
    ["notes.txt", "1.2.3\n", "version-unknown-format"],
    ["README.md", Buffer.from(`\ufeff${marker("1.2.3")}`, "utf16le"), "version-encoding"],
  ])("%s with %j is refused: %s", async (name, content, code) => {
    await expect(read(name, content)).rejects.toMatchObject({ code });
  });

  it("deviates from duat: two v-markers can be read, and are written without v", async () => {
    expect(await read("README.md", `${marker("v1.2.3")} ${marker("v1.2.3")}`)).toBe("1.2.3");
    expect((await rewrite("README.md", `${marker("v1.2.3")} ${marker("v1.2.3")}`)).toString()).toBe(
      `${marker("1.3.0")} ${marker("1.3.0")}`,
    );
  });
});

describe("rewriting", () => {
  const long = "x".repeat(70_000);
  it.each([
    ["CRLF", "README.md", "a\r\n@\r\nb\r\n"],
    ["a missing final newline", "README.md", "a\n@"],
    ["a line of 70 KB", "README.md", `${long}@${long}\nlast line\n`],
    ["a byte order mark", "README.md", "\ufeff@\n"],
    ["bytes beyond ASCII", "README.md", "ünï\u0085\u2028@ çode\n"],
  ])("keeps %s", async (_what, name, content) => {
    const expected = Buffer.from(content.replace("@", marker("1.3.0")));
    expect(await rewrite(name, content.replace("@", marker("1.2.3")))).toEqual(expected);
  });

  it("keeps a byte order mark, tabs and order of JSON, and both places of a lock file", async () => {
    const content = '\ufeff{\n\t"version" : "1.2.3",\r\n\t"packages": {"": {"version": "1.2.3", "é": 1}}}';
    const text = (await rewrite("package-lock.json", content)).toString();
    expect(text).toBe(content.replaceAll("1.2.3", "1.3.0"));
  });

  it("changes nothing but the markers, whatever bytes are around them", async () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, bytes, (before, after) => {
        const [head, tail] = [before, after].map((part) => Buffer.from(part).toString("latin1")) as [string, string];
        fc.pre(!head.includes("<") && !tail.includes("<") && !head.startsWith("\xef"));
        const [span] = findVersionSpans("README.md", head + marker("1.2.3") + tail) ?? [];
        expect(span).toEqual({ start: head.length + 14, end: head.length + 19, text: "1.2.3" });
      }),
    );
  });

  it("writes through a symbolic link and keeps link and mode", async () => {
    await writeFile(join(folder, "real.md"), marker("1.2.3"));
    await chmod(join(folder, "real.md"), 0o755);
    await symlink("real.md", join(folder, "link.md"));
    const file = await readVersionFile(join(folder, "link.md"));
    await writeVersion(file ? [file] : [], next);
    expect((await lstat(join(folder, "link.md"))).isSymbolicLink()).toBe(true);
    expect((await stat(join(folder, "real.md"))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(folder, "real.md"), "utf8")).toBe(marker("1.3.0"));
  });

  it("writes all files or none, and leaves nothing beside them", async () => {
    const own = await mkdtemp(join(folder, "all-"));
    for (const name of ["a.md", "b.md"]) await writeFile(join(own, name), marker("1.2.3"));
    const files = (await Promise.all(["a.md", "b.md"].map((name) => readVersionFile(join(own, name))))).flatMap(
      (file) => file ?? [],
    );
    await rm(join(own, "b.md"));
    await expect(writeVersion(files, next)).rejects.toMatchObject({ code: "version-not-written" });
    expect(await readFile(join(own, "a.md"), "utf8")).toBe(marker("1.2.3"));
    expect(await readdir(own)).toEqual(["a.md"]);
  });
});

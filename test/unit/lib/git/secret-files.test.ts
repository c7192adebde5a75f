import { describe, expect, it } from "vitest";
import type { TreeContent } from "../../../../lib/git/git-tree.ts";
import { type SecretFile, watchForSecrets } from "../../../../lib/git/secret-files.ts";
import { describeSizes } from "../../../../lib/git/tree-sizes.ts";

// Put together here, so that no scanner takes this file for a leak.
const key = ["-----BEGIN", "OPENSSH PRIVATE KEY-----"].join(" ");
const githubToken = `ghp_${"a1".repeat(18)}`;

async function* contents(files: Readonly<Record<string, string>>): AsyncGenerator<TreeContent> {
  for (const [path, text] of Object.entries(files)) {
    const bytes = Buffer.from(text);
    yield {
      file: { path, kind: "file", size: bytes.length },
      bytes: (async function* () {
        // In small pieces, whose memory is used again as that of a large file is.
        const piece = Buffer.alloc(7);
        for (let at = 0; at < bytes.length; at += 7) yield piece.subarray(0, bytes.copy(piece, 0, at, at + 7));
      })(),
    };
  }
}

async function look(files: Readonly<Record<string, string>>) {
  const found: SecretFile[] = [];
  const read: Record<string, string> = {};
  for await (const { file, bytes } of watchForSecrets(contents(files), (secret) => found.push(secret))) {
    let text = "";
    for await (const chunk of bytes) text += Buffer.from(chunk).toString();
    read[file.path] = text;
  }
  expect(read).toEqual(files);
  return found.map(({ path, why }) => `${path}: ${why}`);
}

describe("files that look like secrets", () => {
  it("are told by their names and by their contents, and every file passes as it is", async () => {
    expect(
      await look({
        ".env": "A=1",
        "app/.env.production": "A=1",
        ".env.example": "A=",
        "deploy/id_ed25519": "x",
        "deploy/id_ed25519.pub": "ssh-ed25519 AAAA",
        "certs/server.pem": `text before\n${key}\nabc`,
        "certs/ca.pem": "-----BEGIN CERTIFICATE-----",
        "src/client.ts": `const token = "${githubToken}";`,
        "README.md": "Set GITHUB_TOKEN to ghp_yourtoken.",
        ".npmrc": `//registry.example/:_authToken=${"s".repeat(20)}`,
        "web/.npmrc": "save-exact=true",
        "src/environment.ts": "process.env",
      }),
    ).toEqual([
      ".env: a file of environment variables",
      "app/.env.production: a file of environment variables",
      "deploy/id_ed25519: a private key of SSH",
      "certs/server.pem: a private key",
      "src/client.ts: a token of GitHub",
      ".npmrc: a login of a package registry",
    ]);
  });

  it("are looked for in the beginning of large ones only", async () => {
    expect(await look({ late: `${" ".repeat(70_000)}${key}`, early: `${" ".repeat(60_000)}${key}` })).toEqual([
      "early: a private key",
    ]);
  });
});

describe("the sizes of a tree", () => {
  it("are told by its largest entries", () => {
    const files = [
      ["data/a", 2_000_000],
      ["data/b/c", 1_000_000],
      ["model.bin", 5_000_000],
      ["x", 10],
      ["src/x", 10],
    ] as const;
    const tree = files.map(([path, size]) => ({ path, size, kind: "file" as const }));
    expect(describeSizes(tree, 3)).toBe("model.bin 5.0 MB, data/ 3.0 MB, src/ 10 B, and 1 smaller ones");
  });
});

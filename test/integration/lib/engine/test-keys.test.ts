import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createTestKeys } from "../../../../lib/engine/test-keys.ts";
import { exec } from "../../../../lib/exec.ts";

let folder: string;
let passphrase: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-keys-"));
  const { objects } = await createTestKeys();
  const data = Object.assign({}, ...objects.map((object) => (object as { stringData?: object }).stringData)) as Record<
    string,
    string
  >;
  passphrase = data["ssh-passphrase"] ?? "";
  await writeFile(join(folder, "key"), data["ssh-privatekey"] ?? "", { mode: 0o600 });
  await writeFile(join(folder, "key.pub"), data["ssh-publickey"] ?? "");
  return () => rm(folder, { recursive: true });
});

describe("test keys", () => {
  it("are an RSA key of 4096 bits that OpenSSL and OpenSSH open with the passphrase, and no other", async () => {
    const key = join(folder, "key");
    const openssl = (word: string) =>
      exec("openssl", ["rsa", "-in", key, "-passin", `pass:${word}`, "-noout", "-text"], { ignoreExitCode: true });
    expect((await openssl(passphrase)).stdout).toContain("4096 bit");
    expect((await openssl("another")).exitCode).not.toBe(0);
    const { stdout } = await exec("ssh-keygen", ["-y", "-P", passphrase, "-f", key]);
    const exported = await exec("ssh-keygen", ["-i", "-m", "PEM", "-f", join(folder, "key.pub")]);
    expect(stdout).toMatch(/^ssh-rsa /);
    expect(exported.stdout.split(" ")[1]?.trim()).toBe(stdout.split(" ")[1]?.trim());
  });
});

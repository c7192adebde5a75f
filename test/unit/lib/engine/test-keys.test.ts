import { createPrivateKey, createPublicKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createTestKeys } from "../../../../lib/engine/test-keys.ts";

const dataOf = async () => {
  const { objects, secrets } = await createTestKeys({ modulusLength: 1024 });
  const data = Object.fromEntries(
    objects.map(({ metadata, ...rest }) => [metadata.name, (rest as { stringData?: object }).stringData]),
  ) as Readonly<Record<string, Record<string, string>>>;
  return { data, secrets };
};

describe("createTestKeys", () => {
  it("fills exactly the Secrets and keys that the runner mounts", async () => {
    const { data } = await dataOf();
    expect(Object.fromEntries(Object.entries(data).map(([name, keys]) => [name, Object.keys(keys)]))).toEqual({
      "studioml-runner-key-secret": ["ssh-privatekey", "ssh-publickey"],
      "studioml-runner-passphrase-secret": ["ssh-passphrase"],
      "studioml-signing": ["info"],
      "studioml-report-keys": ["info"],
    });
  });

  it("writes traditional encrypted PEM that the passphrase opens, and the public key as PKCS#1", async () => {
    const { data, secrets } = await dataOf();
    const { "ssh-privatekey": key = "", "ssh-publickey": publicKey = "" } = data["studioml-runner-key-secret"] ?? {};
    const passphrase = data["studioml-runner-passphrase-secret"]?.["ssh-passphrase"] ?? "";
    expect(key).toMatch(
      /^-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,[0-9A-F]{32}\n\n/,
    );
    expect(publicKey).toMatch(/^-----BEGIN RSA PUBLIC KEY-----\n/);
    expect(passphrase).toMatch(/^[\w-]{32}$/);
    const opened = createPublicKey(createPrivateKey({ key, passphrase })).export({ type: "pkcs1", format: "pem" });
    expect(opened).toBe(publicKey);
    expect(() => createPrivateKey({ key, passphrase: `${passphrase}\n` })).toThrow();
    expect(secrets).toEqual([passphrase, key]);
  });

  it("makes other keys for every run", async () => {
    const [first, second] = [await dataOf(), await dataOf()];
    expect(first.secrets).not.toEqual(second.secrets);
  });
});

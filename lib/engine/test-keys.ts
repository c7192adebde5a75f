import { generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { ManifestObject } from "../kubernetes/manifest.ts";

/** Keys for one run alone, as the Secrets that studio-go-runner mounts. */
export interface TestKeys {
  readonly objects: readonly ManifestObject[];
  /** What no log may show. */
  readonly secrets: readonly string[];
}

/**
 * Makes an RSA key pair in the formats of `ssh-keygen -m PEM`: the private key as PKCS#1 in traditional encrypted PEM (`Proc-Type: 4,ENCRYPTED`,
 * AES-128-CBC), the public key as PKCS#1 PEM, the passphrase without a newline and in a Secret of its own, so that rights can tell them
 * apart. The Secrets for signatures and report keys are there and hold no key, as a queue begins.
 */
export async function createTestKeys({ modulusLength = 4096 } = {}): Promise<TestKeys> {
  const passphrase = randomBytes(24).toString("base64url");
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength,
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem", cipher: "aes-128-cbc", passphrase },
  });
  return {
    objects: [
      secret("studioml-runner-key-secret", { "ssh-privatekey": privateKey, "ssh-publickey": publicKey }),
      secret("studioml-runner-passphrase-secret", { "ssh-passphrase": passphrase }),
      secret("studioml-signing", { info: "Public keys for signatures, by queue prefix." }),
      secret("studioml-report-keys", { info: "Public keys for reports, by queue prefix." }),
    ],
    secrets: [passphrase, privateKey],
  };
}

function secret(name: string, stringData: Readonly<Record<string, string>>): ManifestObject {
  return { apiVersion: "v1", kind: "Secret", metadata: { name }, type: "Opaque", stringData } as ManifestObject;
}

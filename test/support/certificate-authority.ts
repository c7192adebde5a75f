import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";

/** An authority of one test, which signs certificates for both ends of a connection. */
export interface CertificateAuthority {
  /** Makes a folder with `ca.pem`, `cert.pem` and `key.pem`. The certificate is for 127.0.0.1 and a day; one of 0 days has expired. */
  issue(folder: string, options?: { readonly name?: string; readonly days?: number }): Promise<string>;
}

const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;

/** Makes it in a new folder. Needs openssl. */
export async function createCertificateAuthority(folder: string): Promise<CertificateAuthority> {
  await mkdir(folder);
  const own = { certificate: join(folder, "ca.pem"), key: join(folder, "ca.key") };
  const files = ["-keyout", own.key, "-out", own.certificate];
  await exec("openssl", ["req", "-x509", ...key, "-days", "2", "-subj", "/CN=authority of a test", ...files]);
  return {
    async issue(target, { name = "IP:127.0.0.1", days = 1 } = {}) {
      await mkdir(target, { recursive: true });
      const request = join(target, "request.pem");
      const asked = ["-subj", "/CN=test", "-addext", `subjectAltName=${name}`, "-keyout", join(target, "key.pem")];
      await exec("openssl", ["req", ...key, ...asked, "-out", request]);
      const signer = ["-CA", own.certificate, "-CAkey", own.key, "-CAcreateserial", "-copy_extensions", "copy"];
      const signed = ["-in", request, "-days", String(days), "-out", join(target, "cert.pem")];
      await exec("openssl", ["x509", "-req", ...signer, ...signed]);
      await copyFile(own.certificate, join(target, "ca.pem"));
      await rm(request);
      return target;
    },
  };
}

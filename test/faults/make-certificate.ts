import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";

/** Key and certificate of a server on 127.0.0.1, signed by itself. */
export async function makeCertificate(folder: string): Promise<{ key: string; cert: string }> {
  const [key, cert] = [join(folder, "server.key"), join(folder, "server.crt")];
  const names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  await exec("openssl", ["req", "-x509", ...kind, ...names, "-keyout", key, "-out", cert]);
  return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";
import { openRegistry, type RegistryOptions } from "../../../../lib/oci/registry-client.ts";
import { startRegistry } from "../../../support/registry.ts";
import { startRegistryProxy } from "../../../support/registry-proxy.ts";

// The password is "pass word:1"; bcrypt is the only kind that the registry takes.
const htpasswd = "ada:$2b$05$abcdefghijklmnopqrstuusWsnA3PCG6MJhsuMdaZgkE21cQMslZi";
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-auth-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function head(registry: string, options: Partial<RegistryOptions> = {}): Promise<unknown> {
  const retry = { attempts: 2, baseMs: 1, maxMs: 5 };
  using client = openRegistry({ registry, env: { HOME: folder }, log: silentLog, retry, ...options });
  return client.headManifest("acme/app", "1");
}

describe("a registry with names and passwords", () => {
  it("is told from one without the image, and let in by inputs, docker's auths and a credential helper", async () => {
    await writeFile(join(folder, "htpasswd"), `${htpasswd}\n`);
    const configuration = `auth: {htpasswd: {realm: test, path: ${join(folder, "htpasswd")}}}`;
    await using registry = await startRegistry({ configuration });
    const { host } = registry;
    await expect(head(host)).rejects.toMatchObject({ code: "registry-unauthorized" });
    await expect(head(host, { username: "ada", password: "wrong" })).rejects.toMatchObject({
      code: "registry-unauthorized",
    });
    expect(await head(host, { username: "ada", password: "pass word:1" })).toBeUndefined();

    const auth = Buffer.from("ada:pass word:1").toString("base64");
    await writeFile(join(folder, "auth.json"), JSON.stringify({ auths: { [host]: { auth } } }));
    expect(await head(host, { env: { REGISTRY_AUTH_FILE: join(folder, "auth.json"), HOME: folder } })).toBeUndefined();

    await writeFile(join(folder, "config.json"), JSON.stringify({ credHelpers: { [host]: "test" } }));
    await writeFile(
      join(folder, "docker-credential-test"),
      `#!/bin/sh\nread -r server\n[ "$server" = "${host}" ] && echo '{"Username":"ada","Secret":"pass word:1"}'\n`,
      { mode: 0o755 },
    );
    const withPath: typeof exec = (command, args, given = {}) =>
      exec(command, args, { ...given, env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
    expect(await head(host, { env: { DOCKER_CONFIG: folder, HOME: folder }, exec: withPath })).toBeUndefined();
  });

  it("gets the name and password given whatever docker's configuration is, and a helper that fails is named", async () => {
    await writeFile(join(folder, "htpasswd"), `${htpasswd}\n`);
    const configuration = `auth: {htpasswd: {realm: test, path: ${join(folder, "htpasswd")}}}`;
    await using registry = await startRegistry({ configuration });
    const env = { DOCKER_CONFIG: folder, HOME: folder };
    await writeFile(join(folder, "config.json"), "{ broken");
    expect(await head(registry.host, { env, username: "ada", password: "pass word:1" })).toBeUndefined();
    await expect(head(registry.host, { env })).rejects.toMatchObject({
      code: "credentials-invalid",
      message: `${join(folder, "config.json")} is no docker configuration.`,
    });

    await writeFile(join(folder, "config.json"), JSON.stringify({ credsStore: "absent" }));
    await expect(head(registry.host, { env })).rejects.toMatchObject({
      code: "credentials-invalid",
      message: expect.stringContaining("Credential helper docker-credential-absent gave no answer: "),
    });
    await writeFile(join(folder, "config.json"), JSON.stringify({ credsStore: "empty" }));
    const nothing = async () => ({ stdout: "credentials not found in native keychain\n", stderr: "", exitCode: 1 });
    await expect(head(registry.host, { env, exec: nothing })).rejects.toMatchObject({ code: "registry-unauthorized" });
  });
});

describe("a registry with a token server", () => {
  it("is asked for a token of the right scope, once, with the password that only the token server sees", async () => {
    const asked: { url: string; authorization: string | undefined }[] = [];
    await using tokens = await serve((request, response) => {
      asked.push({ url: request.url ?? "", authorization: request.headers.authorization });
      response.end(JSON.stringify({ token: "secret-token", expires_in: 300 }));
    });
    await using upstream = await startRegistry();
    await using registry = await startRegistryProxy(upstream.host, ({ authorization }) =>
      authorization === "Bearer secret-token"
        ? undefined
        : { status: 401, headers: { "www-authenticate": `Bearer realm="http://${tokens.host}/token",service="test"` } },
    );
    using client = openRegistry({
      registry: registry.host,
      env: {},
      log: silentLog,
      username: "ada",
      password: "p",
    });
    expect(await client.headManifest("acme/app", "1")).toBeUndefined();
    expect(await client.headManifest("acme/app", "2")).toBeUndefined();
    expect(asked).toEqual([
      { url: "/token?scope=repository%3Aacme%2Fapp%3Apull&service=test", authorization: `Basic ${btoa("ada:p")}` },
    ]);
    expect(registry.requests.map(({ authorization }) => authorization)).toEqual([
      undefined,
      "Bearer secret-token",
      "Bearer secret-token",
    ]);
  });

  it("that asks for the password in the clear on another host does not get it", async () => {
    const challenge = { "www-authenticate": 'Bearer realm="http://192.0.2.1/token"' };
    await using registry = await startRegistryProxy("localhost:1", () => ({ status: 401, headers: challenge }));
    await expect(head(registry.host, { username: "ada", password: "p" })).rejects.toMatchObject({
      code: "registry-unauthorized",
      message: expect.stringContaining("is no https address"),
    });
  });
});

describe("a redirect", () => {
  it("to another host does not carry the credentials", async () => {
    const seen: (string | undefined)[] = [];
    await using store = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end("abc");
    });
    await using registry = await serve((request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
      else response.writeHead(307, { location: `http://${store.host}/blob` }).end();
    });
    using client = openRegistry({
      registry: registry.host,
      env: {},
      log: silentLog,
      username: "ada",
      password: "p",
    });
    const digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const text = await (await client.getBlob("acme/app", { digest, size: 3 })).toArray();
    expect([Buffer.concat(text as Buffer[]).toString(), seen]).toEqual(["abc", [undefined]]);
  });

  it("to another host without TLS is refused", async () => {
    await using registry = await serve((_request, response) => {
      response.writeHead(307, { location: "http://192.0.2.1/blob" }).end();
    });
    await expect(head(registry.host)).rejects.toMatchObject({
      message: expect.stringContaining("http://192.0.2.1, which has no TLS"),
    });
  });
});

describe("HTTP and HTTPS", () => {
  it("are found out for localhost, and a certificate that nobody vouches for is named", async () => {
    await certificate();
    const http = `  tls: {certificate: ${join(folder, "tls.crt")}, key: ${join(folder, "tls.key")}}`;
    await using registry = await startRegistry({ http });
    await expect(head(registry.host)).rejects.toMatchObject({ code: "registry-certificate" });
    expect(await head(registry.host, { tlsVerify: false })).toBeUndefined();
  });

  it("are not guessed for another host, but the caller may allow plain HTTP", async () => {
    await using registry = await startRegistry();
    // This machine by its address, and another host by its text.
    const host = registry.host.replace("localhost", "0.0.0.0");
    await expect(head(host)).rejects.toMatchObject({
      code: "registry-plain-http",
      hint: expect.stringContaining("tls-verify"),
    });
    expect(await head(host, { tlsVerify: false })).toBeUndefined();
  });

  async function certificate(): Promise<void> {
    const files = ["-keyout", join(folder, "tls.key"), "-out", join(folder, "tls.crt")];
    await exec("openssl", [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      ...files,
    ]);
  }
});

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<AsyncDisposable & { readonly host: string }> {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port.");
  return {
    host: `localhost:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

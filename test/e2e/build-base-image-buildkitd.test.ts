import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/push-local-registry/inputs.ts";
import { pushLocalRegistry } from "../../actions/push-local-registry/push-local-registry.ts";
import { exec } from "../../lib/exec.ts";
import { actionInput } from "../support/action-input.ts";
import { type BaseImageProject, baseDockerfile, createBaseImageProject } from "../support/base-image-project.ts";
import { buildkitPrograms } from "../support/buildkit-programs.ts";
import { startBuildkitd, type TestBuildkitd } from "../support/buildkitd.ts";
import { type CertificateAuthority, createCertificateAuthority } from "../support/certificate-authority.ts";
import { prepareTimeoutMs } from "../support/prepare-tools.ts";
import { freePort } from "../support/registry.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const registry = process.env.REGISTRY ?? "";
const secret = 'RUN --mount=type=secret,id=token ["/bin/busybox", "cat", "/run/secrets/token"]\n';
const slow = 'RUN ["/bin/busybox", "sleep", "97"]\n';

let folder: string;
let programs: string;
let ours: CertificateAuthority;
let theirs: CertificateAuthority;
let client: string;
let buildkitd: TestBuildkitd;
let project: BaseImageProject;
let repository: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-remote-"));
  programs = await buildkitPrograms();
  ours = await createCertificateAuthority(join(folder, "ours"));
  theirs = await createCertificateAuthority(join(folder, "theirs"));
  client = await ours.issue(join(folder, "client"));
  buildkitd = await startBuildkitd(await ours.issue(join(folder, "server")));
}, prepareTimeoutMs);
afterAll(async () => {
  await buildkitd?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  project = await createBaseImageProject(registry, folder);
  repository = `remote/base-${randomBytes(3).toString("hex")}`;
  await writeDockerfile();
});

const writeDockerfile = (step = "") =>
  writeFile(join(project.directory, "Dockerfile_base"), baseDockerfile.replace("team/base", repository) + step);

/** Builds by the daemon on a port, with a folder of certificates. */
function build(port: number, tls: string, inputs: Record<string, string> = {}, signal?: AbortSignal) {
  const address = { BUILDKIT_HOST: `tcp://127.0.0.1:${port}`, BUILDKIT_TLS_DIR: tls };
  const env = { PATH: `${programs}:${process.env.PATH}`, ...address };
  return project.build({ builder: "buildkit", ...inputs }, { env, ...(signal && { signal }) });
}

describe("build-base-image with a BuildKit daemon over TLS", () => {
  it("builds there, and the layout and its cache go into the registry", async () => {
    await writeDockerfile(secret);
    const inputs = { secrets: "token=s3cr3t-value-of-mine", "cache-to": "registry" };
    const { outputs, host } = await build(buildkitd.port, client, inputs);
    expect(outputs).toMatchObject({ rebuilt: true, layout: join(project.directory, "layout") });
    expect(host.consoleText()).toContain("***");
    expect(host.consoleText()).not.toContain("s3cr3t-value");
    const source = { source: outputs.layout ?? "", image: repository, tags: outputs.tags.join("\n"), verify: "full" };
    const given = actionInput("push-local-registry", { ...source, registry });
    expect(await pushLocalRegistry(readInputs(given), host)).toMatchObject({
      digest: outputs.digest,
      verified: "full",
    });
    expect((await build(buildkitd.port, client)).outputs).toMatchObject({ rebuilt: false, digest: outputs.digest });
  });

  it("gives the same bytes by another daemon, which needs no step with the cache of the first", async () => {
    const first = await build(buildkitd.port, client, { "cache-to": "registry", rebuild: "always" });
    const server = await ours.issue(join(folder, "other"));
    await using other = await startBuildkitd(server);
    const again = await build(other.port, client, { "cache-from": "registry", rebuild: "always" });
    expect(again.host.consoleText()).toMatch(/CACHED/);
    await using fresh = await startBuildkitd(server);
    const made = await build(fresh.port, client, { rebuild: "always" });
    expect(made.host.consoleText()).not.toMatch(/CACHED/);
    expect([again.outputs.digest, made.outputs.digest]).toEqual([first.outputs.digest, first.outputs.digest]);
  });

  it("ends a step there when it is cancelled here", async () => {
    await writeDockerfile(slow);
    const controller = new AbortController();
    const reason = new Error("cancelled by the test");
    const building = build(buildkitd.port, client, {}, controller.signal);
    building.catch(() => {});
    await waitForStep(1);
    controller.abort(reason);
    await expect(building).rejects.toBe(reason);
    await waitForStep(0);
    expect(await readdir(project.directory)).not.toContain("layout.partial");
  });

  it("says that the daemon went away in the middle of a step, and can be tried again", async () => {
    await writeDockerfile(slow);
    await using proxy = await startTcpProxy({ host: "127.0.0.1", port: buildkitd.port });
    const building = build(proxy.port, client);
    building.catch(() => {});
    await waitForStep(1);
    proxy.refuse(true);
    proxy.cut();
    await expect(building).rejects.toMatchObject({
      code: "buildkit-lost",
      message: `The connection to buildkitd at tcp://127.0.0.1:${proxy.port} broke during the build: error reading from server: EOF.`,
      retryable: true,
    });
    await waitForStep(0);
    expect(await readdir(project.directory)).not.toContain("layout.partial");
  });
});

/** Waits until so many of the slow steps run on this machine. */
async function waitForStep(count: number): Promise<void> {
  await expect
    .poll(async () => (await exec("ps", ["-eo", "args"])).stdout.split("\n").filter(isSlowStep), { timeout: 60_000 })
    .toHaveLength(count);
}

const isSlowStep = (line: string) => line.startsWith("/bin/busybox sleep 97");

describe("a BuildKit daemon over TLS that cannot be spoken with", () => {
  const server = async (name: string, options?: Parameters<CertificateAuthority["issue"]>[1]) =>
    startBuildkitd(await ours.issue(join(folder, name), options));
  /** A client's certificate that the daemon may refuse, of a client that accepts the daemon's. */
  const mixed = async (name: string, authority: CertificateAuthority, days = 1) => {
    const made = await authority.issue(join(folder, name), { days });
    await copyFile(join(client, "ca.pem"), join(made, "ca.pem"));
    return made;
  };

  it("is told apart when it is of another authority", async () => {
    const tls = await theirs.issue(join(folder, "wrong-ca"));
    await expect(build(buildkitd.port, tls)).rejects.toMatchObject({
      code: "buildkit-untrusted",
      message: expect.stringContaining("x509: certificate signed by unknown authority") as string,
      hint: `Put the certificate of the authority that signed the daemon's into ${tls}/ca.pem.`,
    });
  });

  it("is told apart when its certificate is for another name", async () => {
    await using other = await server("named", { name: "DNS:builder.example" });
    await expect(build(other.port, client)).rejects.toMatchObject({
      code: "buildkit-untrusted",
      message: expect.stringContaining("x509: cannot validate certificate for 127.0.0.1") as string,
      hint: "Put a name of that certificate into BUILDKIT_HOST, or issue the daemon one for the name that is there.",
    });
  });

  it("is told apart when its certificate has expired", async () => {
    await using old = await server("old", { days: 0 });
    await expect(build(old.port, client)).rejects.toMatchObject({
      code: "buildkit-untrusted",
      message: expect.stringContaining("x509: certificate has expired or is not yet valid") as string,
      hint: "Issue the daemon a new certificate; if it is in date, set the clock of this machine.",
    });
  });

  it("is told apart when it speaks no TLS, or nothing else", async () => {
    await using plain = await startBuildkitd();
    await expect(build(plain.port, client)).rejects.toMatchObject({ code: "buildkit-plain-text" });
    await expect(build(buildkitd.port, "")).rejects.toMatchObject({
      code: "buildkit-tls-needed",
      hint: "Set BUILDKIT_TLS_DIR to a folder with ca.pem, cert.pem and key.pem.",
    });
  });

  it("is told apart when it does not accept ours: of another authority, or expired", async () => {
    const strange = await mixed("strange", theirs);
    const hint = `${strange}/cert.pem has to be in date, and signed by the authority that the daemon was given.`;
    await expect(build(buildkitd.port, strange)).rejects.toMatchObject({ code: "buildkit-unauthorized", hint });
    const expired = await mixed("expired", ours, 0);
    await expect(build(buildkitd.port, expired)).rejects.toMatchObject({ code: "buildkit-unauthorized" });
  });

  it("is told apart when the certificate of ours is missing", async () => {
    const empty = join(folder, "empty");
    await mkdir(empty);
    await copyFile(join(client, "ca.pem"), join(empty, "ca.pem"));
    await expect(build(buildkitd.port, empty)).rejects.toMatchObject({
      code: "buildkit-certificates",
      message: expect.stringContaining("needed files: cert.pem or tls.crt") as string,
      hint: expect.stringContaining("The folder needs ca.pem, cert.pem and key.pem") as string,
    });
  });

  it("is told apart when it is not there", async () => {
    const port = await freePort();
    await expect(build(port, client)).rejects.toMatchObject({
      code: "buildkit-unreachable",
      retryable: true,
      message: `No buildkitd answers at tcp://127.0.0.1:${port}: dial tcp 127.0.0.1:${port}: connect: connection refused.`,
      hint: "Check that the daemon runs, and what BUILDKIT_HOST says (tcp://HOST:PORT or unix://PATH).",
    });
  });

  it("is told apart when it says nothing", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await expect(build(port, client)).rejects.toMatchObject({
      code: "buildkit-unreachable",
      message: `No buildkitd answers at tcp://127.0.0.1:${port}: it says nothing.`,
    });
    server.close();
  });
});

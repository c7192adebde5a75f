import { chmod, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { list } from "tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSourceImage } from "../../../actions/build-source-image/build-source-image.ts";
import { readInputs } from "../../../actions/build-source-image/inputs.ts";
import { exec } from "../../../lib/exec.ts";
import { silentLog } from "../../../lib/log.ts";
import { readImageConfig } from "../../../lib/oci/image-config.ts";
import { openLayout } from "../../../lib/oci/layout-source.ts";
import { pushImage } from "../../../lib/oci/push-image.ts";
import { openRegistry, type RegistryClient } from "../../../lib/oci/registry-client.ts";
import { actionInput } from "../../support/action-input.ts";
import { createRepository, gitEnvironment, type TestRepository } from "../../support/git-repository.ts";
import { type TestImage, writeLayout } from "../../support/image-layout.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";
import { startRegistryProxy } from "../../support/registry-proxy.ts";
import { createTestHost, type TestHost } from "../../support/test-host.ts";

let registry: TestRegistry;
let client: RegistryClient;
let project: TestRepository;
let host: TestHost;

beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry({ registry: registry.host, env: {}, log: silentLog });
  project = await createRepository();
  host = createTestHost({ env: { ...gitEnvironment, GITHUB_WORKSPACE: project.path, KUBECONFIG: "" } });
  await project.write("run.sh", "#!/bin/sh\necho ran\n");
  await chmod(join(project.path, "run.sh"), 0o755);
  await project.write(`${"long/".repeat(60)}name`, "deep");
  await symlink("../run.sh", join(project.path, "long/link"));
  await project.commit("first");
});
afterAll(async () => {
  client[Symbol.dispose]();
  await host[Symbol.asyncDispose]();
  await project[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

async function pushBase(repository: string, image: Partial<TestImage> = {}): Promise<string> {
  const layout = join(host.tempDirectory, repository.replaceAll("/", "-"));
  const config = { Env: ["PATH=/bin", "A=1"], Cmd: ["/bin/sh"], Labels: { base: "yes" } };
  await writeLayout(layout, { layers: [await layerOf("etc/hello")], config, ...image });
  const source = await openLayout(layout);
  const { digest } = await pushImage({ source, client, repository, tags: [], parallel: 3, log: silentLog });
  return `${repository}@${digest}`;
}

/** A real archive of one file, so that engines can unpack it. */
async function layerOf(path: string): Promise<Buffer> {
  const folder = join(host.tempDirectory, "root");
  await exec("sh", ["-c", 'mkdir -p "$(dirname "$1")" && echo hello >"$1"', "sh", join(folder, path)]);
  await exec("tar", [
    "--create",
    "--sort=name",
    "--file",
    join(host.tempDirectory, "layer.tar"),
    "--directory",
    folder,
    ".",
  ]);
  return readFile(join(host.tempDirectory, "layer.tar"));
}

const build = (inputs: Record<string, string>) =>
  buildSourceImage(readInputs(actionInput("build-source-image", { registry: registry.host, ...inputs })), host);

describe("build-source-image", () => {
  it("puts a commit's files on the base, the same digest each time and from each clone", async () => {
    const base = await pushBase("acme/base");
    const first = await build({ base, tags: "1.2.0\nmain" });
    expect(first).toMatchObject({
      image: `${registry.host}/acme/base-source@${first.digest}`,
      files: 3,
      revision: await project.git("rev-parse", "HEAD"),
    });
    expect(await build({ base, tags: "1.2.0\nmain" })).toEqual(first);
    expect((await build({ base, tags: "1.2.0\nmain", ref: "worktree" })).digest).toBe(first.digest);
    await project.git("clone", "--quiet", project.path, join(project.parent, "clone"));
    const clone = await build({ base, tags: "1.2.0\nmain", "working-directory": "../clone" });
    expect(clone.layerDigest).toBe(first.layerDigest);
  });

  it("keeps the base's configuration and adds its own", async () => {
    const base = await pushBase("acme/config");
    const { digest } = await build({
      base,
      tags: "1.2.0",
      env: "A=2\nB=x=y",
      labels: "team=gpu",
      "target-directory": "/opt/app/",
    });
    expect(await readImageConfig(client, "acme/config-source", "1.2.0")).toEqual({
      digest,
      entrypoint: [],
      cmd: ["/bin/sh"],
      env: { PATH: "/bin", A: "2", B: "x=y" },
      workingDir: "/opt/app",
      user: "",
      labels: {
        base: "yes",
        team: "gpu",
        "org.opencontainers.image.revision": await project.git("rev-parse", "HEAD"),
        "org.opencontainers.image.version": "1.2.0",
      },
    });
    await build({ base, tags: "2", entrypoint: "/bin/sh\n-c" });
    expect(await readImageConfig(client, "acme/config-source", "2")).toMatchObject({
      entrypoint: ["/bin/sh", "-c"],
      cmd: [],
    });
  });

  it("writes one layer of sorted entries with the commit's time and the owner", async () => {
    const base = await pushBase("acme/layer", { config: { User: "1000:100" } });
    const { layerDigest, layerSizeBytes } = await build({ base });
    const entries: string[] = [];
    const parser = list({
      onReadEntry: (entry) =>
        entries.push(
          `${entry.type} ${entry.mode?.toString(8)} ${entry.uid}:${entry.gid} ${entry.mtime?.getTime()} ${entry.path}`,
        ),
    });
    for await (const chunk of await client.getBlob("acme/layer-source", { digest: layerDigest, size: layerSizeBytes }))
      parser.write(chunk as Buffer);
    parser.end();
    const stamp = "1000:100 1795189119000";
    expect(entries.slice(0, 3)).toEqual([
      `Directory 755 ${stamp} src/`,
      `Directory 755 ${stamp} src/long/`,
      `SymbolicLink 777 ${stamp} src/long/link`,
    ]);
    expect(entries.at(-1)).toBe(`File 755 ${stamp} src/run.sh`);
    expect(entries).toContain(`File 644 ${stamp} src/${"long/".repeat(60)}name`);
  });

  it("mounts the base's blobs and sends nothing of them", async () => {
    const base = await pushBase("acme/mounted", { layers: [await layerOf("etc/other")] });
    await using proxy = await startRegistryProxy(registry.host);
    const { layerSizeBytes } = await build({ base, registry: proxy.host, image: "team/app" });
    const sent = proxy.requests
      .filter(({ path }) => path.includes("/uploads/"))
      .reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent - layerSizeBytes).toBeGreaterThan(0);
    expect(sent - layerSizeBytes).toBeLessThan(2000);
  });

  it.each(["oci", "docker"])("makes an image of an %s base that skopeo and podman take", async (kind) => {
    const base = await pushBase(`acme/${kind}`, { docker: kind === "docker" });
    const { image, digest } = await build({ base, tags: "1", "target-directory": "/opt/deep/src" });
    const name = image.replace(/@.*/, ":1");
    const { stdout } = await exec("skopeo", ["inspect", "--tls-verify=false", `docker://${name}`]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: digest, Layers: [expect.any(String), expect.any(String)] });
    const raw = JSON.parse(
      (await exec("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${name}`])).stdout,
    );
    const family = kind === "docker" ? "vnd.docker" : "vnd.oci";
    expect(
      [
        raw.mediaType,
        raw.config.mediaType,
        ...raw.layers.map((layer: { mediaType: string }) => layer.mediaType),
      ].filter((type) => !type.includes(family)),
    ).toEqual([]);

    const store = [
      "--storage-driver",
      "vfs",
      "--root",
      join(host.tempDirectory, `store-${kind}`),
      "--runroot",
      join(host.tempDirectory, "run"),
    ];
    const environment = { ...process.env, HOME: host.tempDirectory };
    await exec("podman", [...store, "pull", "--quiet", "--tls-verify=false", name], { env: environment });
    const mounted = (await exec("podman", [...store, "image", "mount", name], { env: environment })).stdout.trim();
    const { stdout: found } = await exec("sh", [
      "-c",
      'cd "$1" && cat etc/hello opt/deep/src/long/link',
      "sh",
      mounted,
    ]);
    expect(found).toBe("hello\n#!/bin/sh\necho ran\n");
  });

  it("says what is large and what looks like a secret, and takes ignored files when asked", async () => {
    await using project = await createRepository();
    await project.write(".gitignore", "*.log\n.env\n");
    await project.write("main.sh", "echo ran\n");
    await project.commit("first");
    await project.write("deploy/id_rsa", "x");
    await project.write("noise.log", "x".repeat(5000));
    await project.write(".env", "PASSWORD=x");
    await using own = createTestHost({ env: { ...gitEnvironment, GITHUB_WORKSPACE: project.path, KUBECONFIG: "" } });
    const base = await pushBase("acme/secrets");
    const inputs = { base, registry: registry.host, ref: "worktree" };
    const plain = await buildSourceImage(readInputs(actionInput("build-source-image", inputs)), own);
    expect(plain.files).toBe(3);
    expect(own.lines.filter((line) => line.startsWith("warning"))).toEqual([
      "warning: These files look like secrets and are in the image: deploy/id_rsa (a private key of SSH). Name them in .dockerignore.",
    ]);
    const all = { ...inputs, "include-ignored": "true" };
    expect((await buildSourceImage(readInputs(actionInput("build-source-image", all)), own)).files).toBe(5);
    expect(own.lines).toContain("Largest: noise.log 5.0 kB, .gitignore 11 B, .env 10 B, main.sh 9 B, deploy/ 1 B.");
    expect(own.lines.findLast((line) => line.startsWith("warning"))).toContain(
      ": .env (a file of environment variables), deploy/id_rsa (a private key of SSH).",
    );
  });

  it("asks for an owner when the base's user is a name, and names a base that is not there", async () => {
    const base = await pushBase("acme/named", { config: { User: "app" } });
    await expect(build({ base })).rejects.toMatchObject({ code: "owner-unknown" });
    expect((await build({ base, owner: "7:8" })).files).toBe(3);
    await expect(build({ base: "acme/nothing:1" })).rejects.toMatchObject({ code: "image-absent" });
  });

  it.each([
    ["base", { base: "acme/base" }, 'Input base is "acme/base"'],
    ["target-directory", { base: "a:1", "target-directory": "/src/../etc" }, "Input target-directory is"],
    ["owner", { base: "a:1", owner: "app" }, 'Input owner is "app"'],
    ["include-ignored", { base: "a:1", "include-ignored": "true" }, 'Input include-ignored is "true"'],
    ["env", { base: "a:1", env: "novalue" }, 'Input env is "novalue"'],
  ])("refuses a wrong %s before it asks anybody", (_name, inputs, message) => {
    expect(() => readInputs(actionInput("build-source-image", inputs))).toThrow(message);
  });
});

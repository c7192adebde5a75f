import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import {
  type BaseImageProject,
  createBaseImageProject,
  baseDockerfile as dockerfile,
} from "../../../support/base-image-project.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";

let registry: TestRegistry;
let folder: string;
let cache: string;
let project: string;
let build: BaseImageProject["build"];
let push: BaseImageProject["push"];

beforeAll(async () => {
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-build-"));
  cache = join(folder, "cache");
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  ({ directory: project, build, push } = await createBaseImageProject(registry.host, folder));
});

describe("build-base-image with buildah and a registry", () => {
  it("builds, and does nothing once the registry has an image of the same inputs", async () => {
    const first = (await build()).outputs;
    expect(first).toEqual({
      layout: join(project, "layout"),
      image: `${registry.host}/team/base:1.0.0`,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      tags: ["1.0.0", `inputs-${first.inputsHash.slice(0, 32)}`],
      version: "1.0.0",
      rebuilt: true,
      inputsHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      sizeBytes: expect.any(Number) as number,
    });
    await push(first.tags);
    await rm(join(project, "layout"), { recursive: true });
    await writeFile(join(project, "notes.txt"), "changed, but not read\n");

    const second = await build({ builder: "auto" });
    expect(second.outputs).toEqual({
      ...first,
      layout: undefined,
      image: `${registry.host}/team/base@${first.digest}`,
      tags: [`inputs-${first.inputsHash.slice(0, 32)}`],
      rebuilt: false,
      sizeBytes: undefined,
    });
    expect(second.host.consoleText()).toBe("");
    expect(await readdir(project)).not.toContain("layout");
  });

  it("refuses to overwrite a version made from other inputs, and builds it under a new version or when told to", async () => {
    await writeFile(join(project, "greeting.txt"), "other words\n");
    await expect(build()).rejects.toMatchObject({ code: "version-exists" });
    await expect(build({ rebuild: "never" })).rejects.toMatchObject({ code: "image-missing" });
    expect((await build({ rebuild: "always" })).outputs.rebuilt).toBe(true);
    await writeFile(join(project, "Dockerfile_base"), dockerfile.replace("1.0.0", "1.0.1"));
    expect((await build()).outputs.tags[0]).toBe("1.0.1");
  });

  it("gives the same bytes for the same inputs, and reads a base image from a registry on this machine over plain HTTP", async () => {
    const base = `${registry.host}/team/base:1.0.0`;
    await writeFile(
      join(project, "Dockerfile_base"),
      dockerfile.replace("team/base", "team/child").replace(/^COPY busybox.*\n/m, ""),
    );
    const first = (await build({ "build-args": `BASE=${base}` })).outputs;
    const second = (await build({ "build-args": `BASE=${base}`, rebuild: "always" }, { cache: `${cache}-other` }))
      .outputs;
    expect(second.digest).toBe(first.digest);
  });

  it("builds again when the base image moved under its tag, says so, and leaves the version as it is", async () => {
    const base = `${registry.host}/team/base:1.0.0`;
    const parent = join(project, "Dockerfile_base");
    const child = dockerfile
      .replace("team/base", "team/base")
      .replace("1.0.0", "2.0.0")
      .replace(/^COPY busybox.*\n/m, "");
    await writeFile(parent, child);
    const first = (await build({ "build-args": `BASE=${base}` })).outputs;
    await push(first.tags);
    await writeFile(join(project, "greeting.txt"), "moved\n");
    await writeFile(parent, dockerfile);
    await build({ rebuild: "always" });
    await push(["1.0.0"]);
    await writeFile(join(project, "greeting.txt"), "hello\n");
    await writeFile(parent, child);
    const { outputs, host } = await build({ "build-args": `BASE=${base}` });
    expect(outputs.tags).toEqual([`inputs-${outputs.inputsHash.slice(0, 32)}`]);
    expect(host.lines.filter((line) => line.startsWith("warning: A base image moved"))).toHaveLength(1);
    await push(outputs.tags);
    expect((await build({ "build-args": `BASE=${base}` })).outputs).toMatchObject({
      rebuilt: false,
      tags: outputs.tags,
    });
  });

  it("uses what is there, with a warning, when only the registry of a base image is away", async () => {
    await using elsewhere = await startRegistry();
    const base = `${elsewhere.host}/vendor/base:1`;
    const source = `docker://${registry.host}/team/base:1.0.0`;
    const plainHttp = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    await exec("skopeo", ["copy", "--quiet", "--preserve-digests", ...plainHttp, source, `docker://${base}`]);
    await writeFile(
      join(project, "Dockerfile_base"),
      dockerfile.replace("1.0.0", "7.0.0").replace(/^COPY busybox.*\n/m, ""),
    );
    const first = (await build({ "build-args": `BASE=${base}` })).outputs;
    await push(first.tags);
    await elsewhere.kill();
    const { outputs, host } = await build({ "build-args": `BASE=${base}` });
    expect(outputs).toMatchObject({ rebuilt: false, digest: first.digest, tags: [] });
    expect(host.lines.filter((line) => line.startsWith("warning: The base images of"))).toHaveLength(1);
  });

  it("builds for several platforms into one layout with an index", async () => {
    const copies = dockerfile.replace("1.0.0", "6.0.0").replace(/^RUN.*\n/m, "");
    await writeFile(join(project, "Dockerfile_base"), copies);
    const { outputs } = await build({ platforms: "linux/amd64\nlinux/arm64" });
    const blob = join(outputs.layout ?? "", "blobs", ...outputs.digest.split(":"));
    const { manifests } = JSON.parse(await readFile(blob, "utf8")) as {
      manifests: { platform: { architecture: string } }[];
    };
    expect(manifests.map(({ platform }) => platform.architecture).sort()).toEqual(["amd64", "arm64"]);
  });

  it("brings a secret to the step that asks for it and keeps it out of log and layout", async () => {
    const step = `RUN --mount=type=secret,id=token ["/bin/busybox", "sh", "-c", "/bin/busybox cat /run/secrets/token; /bin/busybox test -s /run/secrets/token"]\n`;
    await writeFile(join(project, "Dockerfile_base"), `${dockerfile.replace("1.0.0", "3.0.0")}${step}`);
    const { outputs, host } = await build({ secrets: "token=s3cr3t-value-of-mine" });
    expect(host.consoleText()).toContain("***");
    expect(host.consoleText()).not.toContain("s3cr3t-value");
    const blobs = join(outputs.layout ?? "", "blobs", "sha256");
    for (const blob of await readdir(blobs))
      expect(await readFile(join(blobs, blob), "latin1")).not.toContain("s3cr3t-value");
  });

  it("fails with the builder's own words, leaving an older layout as it was", async () => {
    await mkdir(join(project, "layout"));
    await writeFile(join(project, "layout", "oci-layout"), "older");
    await writeFile(
      join(project, "Dockerfile_base"),
      `${dockerfile.replace("1.0.0", "4.0.0")}RUN ["/bin/busybox", "false"]\n`,
    );
    await expect(build()).rejects.toMatchObject({ code: "build-failed" });
    expect(await readdir(project)).not.toContain("layout.partial");
    expect(await readFile(join(project, "layout", "oci-layout"), "utf8")).toBe("older");
  });

  it("ends within seconds when it is cancelled in the middle of a step, and leaves nothing half-made", async () => {
    await writeFile(
      join(project, "Dockerfile_base"),
      `${dockerfile.replace("1.0.0", "5.0.0")}RUN ["/bin/busybox", "sleep", "97"]\n`,
    );
    const controller = new AbortController();
    const reason = new Error("cancelled by the test");
    const timer = setTimeout(() => controller.abort(reason), 4000);
    await expect(build({}, { signal: controller.signal })).rejects.toBe(reason);
    clearTimeout(timer);
    expect(await readdir(project)).not.toContain("layout.partial");
    const { stdout } = await exec("ps", ["-eo", "args"]);
    expect(stdout.split("\n").filter((line) => line.startsWith("/bin/busybox sleep 97"))).toEqual([]);
    expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(cache);
  });

  it("takes a registry that does not answer for an error, never for an empty one", async () => {
    await using away = await startRegistry();
    await away.kill();
    await expect(build({ registry: away.host })).rejects.toMatchObject({ code: "registry-unreachable" });
  });
});

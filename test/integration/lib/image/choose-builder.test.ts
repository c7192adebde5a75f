import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseBuilder } from "../../../../lib/image/choose-builder.ts";
import { runBuild } from "../../../../lib/image/run-build.ts";
import { plainBuildRequest } from "../../../support/build-request.ts";
import { fixturePath } from "../../../support/fixture-path.ts";
import { writeLayout } from "../../../support/image-layout.ts";
import { createTestHost } from "../../../support/test-host.ts";

async function machineWith(programs: readonly string[], files: Record<string, string> = {}) {
  const environment: NodeJS.ProcessEnv = {};
  const host = createTestHost({ env: environment });
  const folder = join(host.tempDirectory, "builder");
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  Object.assign(environment, { PATH: fixturePath(host.tempDirectory, programs), FAKE_BUILDER: folder });
  const choose = (wanted: "auto" | "buildx" | "buildkit" | "buildah" = "auto") =>
    chooseBuilder({ ...host, wanted, repository: "team/base", plainHttpRegistries: [] });
  return { host, folder, choose, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

describe("the builder that is chosen", () => {
  it("is a BuildKit daemon that answers", async () => {
    await using machine = await machineWith(["buildctl", "docker"], { driver: "docker-container" });
    expect((await machine.choose()).name).toBe("buildkit");
  });

  it("is buildx when no daemon answers buildctl", async () => {
    await using machine = await machineWith(["buildctl", "docker"], { driver: "docker-container", away: "" });
    expect(await machine.choose()).toMatchObject({
      name: "buildx",
      description: "github.com/docker/buildx v0.30.0 fake, driver docker-container",
    });
  });

  it("is another one than BUILDKIT_HOST names only with a warning", async () => {
    await using machine = await machineWith(["buildctl", "docker"], { driver: "docker-container", away: "" });
    machine.host.env.BUILDKIT_HOST = "tcp://builder:1234";
    expect((await machine.choose()).name).toBe("buildx");
    expect(machine.host.lines).toEqual([
      "warning: The daemon that BUILDKIT_HOST names is not used. No buildkitd answers at tcp://builder:1234: dial unix /run/buildkit/buildkitd.sock: connect: connection refused.",
    ]);
  });

  it("is asked with the certificates of BUILDKIT_TLS_DIR", async () => {
    await using machine = await machineWith(["buildctl"], { away: "" });
    machine.host.env.BUILDKIT_TLS_DIR = "/certificates";
    await expect(machine.choose("buildkit")).rejects.toMatchObject({ code: "buildkit-unreachable", retryable: true });
    expect(readFileSync(join(machine.folder, "calls"), "utf8")).toContain(
      "buildctl --tlsdir /certificates debug workers",
    );
  });

  it("is none where nothing can build, with what each lacks and a remedy", async () => {
    await using machine = await machineWith(["buildctl", "docker"], { away: "" });
    await expect(machine.choose()).rejects.toMatchObject({
      code: "builder-missing",
      message:
        "No program can build the Dockerfile here. buildkit: No buildkitd answers at its default address: dial unix /run/buildkit/buildkitd.sock: connect: connection refused. buildx: docker's own builder cannot write OCI layouts (run: docker buildx create --driver docker-container --use). buildah: buildah is not installed.",
      hint: "Run: apt-get install buildah (no daemon needed); or set BUILDKIT_HOST, or install docker with buildx.",
    });
  });

  it("is no other than the one asked for", async () => {
    await using machine = await machineWith(["buildctl"]);
    await expect(machine.choose("buildah")).rejects.toThrow("buildah: buildah is not installed.");
    await expect(machine.choose("buildx")).rejects.toThrow("buildx: docker with buildx is not installed.");
  });
});

describe.each([
  ["buildctl", "buildctl build", ""],
  ["docker", "docker buildx build", "docker-container"],
])("a build by %s", (program, call, driver) => {
  it("gives the layout, whose labels are checked", async () => {
    await using machine = await machineWith([program], { driver });
    const { digest } = await writeLayout(join(machine.folder, "layout"), {
      layers: [Buffer.from("layer")],
      config: { Labels: { "registry.version": "1.0.0" } },
    });
    const builder = await machine.choose();
    const layout = join(machine.host.tempDirectory, "out", "layout");
    const lines: string[] = [];
    const deps = { ...machine.host, onLine: (line: string) => lines.push(line) };
    const request = { ...plainBuildRequest(), layout, env: machine.host.env };
    const built = await runBuild(builder, { ...request, expectedLabels: { "registry.version": "1.0.0" } }, deps);
    expect(built).toMatchObject({ digest, labels: { "registry.version": "1.0.0" } });
    expect(readFileSync(join(machine.folder, "calls"), "utf8")).toContain(`${call} --progress=plain`);

    const differing = { ...request, expectedLabels: { "registry.version": "2.0.0" } };
    await expect(runBuild(builder, differing, deps)).rejects.toMatchObject({ code: "labels-differ" });
  });
});

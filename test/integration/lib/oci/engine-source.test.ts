import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "tar";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/push-local-registry/inputs.ts";
import { pushLocalRegistry } from "../../../../actions/push-local-registry/push-local-registry.ts";
import { exec } from "../../../../lib/exec.ts";
import { actionInput } from "../../../support/action-input.ts";
import { fixturePath } from "../../../support/fixture-path.ts";
import { writeLayout } from "../../../support/image-layout.ts";
import { startRegistry } from "../../../support/registry.ts";
import { createTestHost, type TestHost } from "../../../support/test-host.ts";

/** A machine with a docker that can save one image, and a registry. */
async function startMachine() {
  await using opened = new AsyncDisposableStack();
  const registry = opened.use(await startRegistry());
  const base = opened.use(createTestHost());
  const docker = join(base.tempDirectory, "docker");
  const tempDirectory = join(base.tempDirectory, "job");
  for (const folder of [docker, tempDirectory]) await mkdir(folder);
  const digest = await writeSave(docker);
  const env = { PATH: fixturePath(docker, ["docker"]), FAKE_BUILDER: docker, KUBECONFIG: "", HOME: "/nonexistent" };
  const inPlace: TestHost["exec"] = (program, args, options) => exec(program, args, { ...options, env });
  const host = { ...base, env, tempDirectory, exec: inPlace };
  const inputs = { source: "docker-daemon:acme/app:1", registry: registry.host, verify: "full" };
  const push = () => pushLocalRegistry(readInputs(actionInput("push-local-registry", inputs)), host);
  const disposing = opened.move();
  return { docker, tempDirectory, digest, push, [Symbol.asyncDispose]: () => disposing.disposeAsync() };
}

/** What docker saves since version 25: an OCI layout in a tar, with docker's own manifest.json beside it. */
async function writeSave(docker: string): Promise<string> {
  const layout = join(docker, "layout");
  const { digest } = await writeLayout(layout, { layers: [randomBytes(300_000)] });
  await writeFile(join(layout, "manifest.json"), "[]");
  const names = ["blobs", "index.json", "manifest.json", "oci-layout"];
  await create({ cwd: layout, file: join(docker, "image.tar"), portable: true }, names);
  return digest;
}

describe("an image of docker's store", () => {
  it("is saved, pushed, and leaves nothing of what was saved", async () => {
    await using machine = await startMachine();
    expect(await machine.push()).toMatchObject({ digest: machine.digest, verified: "full" });
    expect(await readdir(machine.tempDirectory)).toEqual([]);
  });

  // The words are those of docker 28's client, and of daemons with and without containerd's store.
  it.each([
    ["Error response from daemon: reference does not exist", "source-absent", "docker has no image acme/app:1."],
    ["Error response from daemon: No such image: acme/app:1", "source-absent", "docker has no image acme/app:1."],
    [
      "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
      "engine-unreachable",
      "docker cannot give acme/app:1: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ],
    [
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/images/get?names=acme%2Fapp%3A1": dial unix /var/run/docker.sock: connect: permission denied',
      "engine-unreachable",
      expect.stringContaining("connect: permission denied"),
    ],
    ["unexpected EOF", "source-unreadable", "docker could not save acme/app:1: unexpected EOF"],
  ])("is not there, by what docker says: %s", async (words, code, message) => {
    await using machine = await startMachine();
    await writeFile(join(machine.docker, "save-says"), `${words}\n`);
    await expect(machine.push()).rejects.toMatchObject({ code, message, hint: expect.any(String) as string });
    expect(await readdir(machine.tempDirectory)).toEqual([]);
  });

  it("is told to be half saved when the client is killed, and the half is removed", async () => {
    await using machine = await startMachine();
    await writeFile(join(machine.docker, "save-dies"), "100000");
    await expect(machine.push()).rejects.toMatchObject({
      code: "source-unreadable",
      message: "docker could not save acme/app:1: it ended before it was done (exit code -1).",
    });
    expect(await readdir(machine.tempDirectory)).toEqual([]);
  });

  it("is refused when the file is cut though the client says all is well", async () => {
    await using machine = await startMachine();
    await truncate(join(machine.docker, "image.tar"), 200_000);
    await expect(machine.push()).rejects.toMatchObject({ code: "archive-invalid" });
    expect(await readdir(machine.tempDirectory)).toEqual([]);
  });

  it("says that the temporary folder has no room for it", async () => {
    await using machine = await startMachine();
    await exec("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", machine.tempDirectory]);
    try {
      await expect(machine.push()).rejects.toMatchObject({
        code: "disk-full",
        message: `docker could not save acme/app:1: no space is left in ${machine.tempDirectory}.`,
      });
      expect(await readdir(machine.tempDirectory)).toEqual([]);
    } finally {
      await exec("umount", [machine.tempDirectory]);
    }
  });

  it("is asked for only where docker is", async () => {
    await using machine = await startMachine();
    await rm(join(machine.docker, "bin/docker"));
    await expect(machine.push()).rejects.toMatchObject({ code: "engine-absent" });
  });
});

import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { create } from "tar";
import { exec, findProgram } from "../../lib/exec.ts";
import { silentLog } from "../../lib/log.ts";
import { openLayout } from "../../lib/oci/layout-source.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";

export interface BusyboxImageOptions {
  readonly registry: string;
  readonly repository: string;
  /** Programs to leave out of PATH, to stand for images that lack them. */
  readonly without?: readonly string[];
  /** Programs of this machine that it holds besides, by their paths. */
  readonly programs?: readonly string[];
  /** Folders of this machine that it holds besides. */
  readonly folders?: readonly string[];
  /** False: the image has no shell at all, its entrypoint is busybox itself. */
  readonly shell?: boolean;
  readonly entrypoint?: readonly string[];
}

/** Makes an image of this machine's static busybox, pushes it and gives its reference by digest. */
export async function pushBusyboxImage(options: BusyboxImageOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-busybox-"));
  try {
    await writeLayout(folder, options);
    using client = openRegistry({ registry: options.registry, env: {}, log: silentLog });
    const source = await openLayout(join(folder, "layout"));
    const { repository } = options;
    const { digest } = await pushImage({ source, client, repository, tags: [], parallel: 2, log: silentLog });
    return `${options.registry}/${repository}@${digest}`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeLayout(folder: string, options: BusyboxImageOptions): Promise<void> {
  const [root, layout] = [join(folder, "root"), join(folder, "layout")];
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  await writeRoot(root, options);
  await create({ cwd: root, file: join(folder, "layer.tar"), portable: true, mtime: new Date(0) }, ["."]);
  const put = async (bytes: Uint8Array | string, mediaType: string) => {
    const digest = createHash("sha256").update(bytes).digest("hex");
    await writeFile(join(layout, "blobs/sha256", digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(bytes) };
  };
  const layer = await put(await readFile(join(folder, "layer.tar")), "application/vnd.oci.image.layer.v1.tar");
  const entrypoint = options.entrypoint ?? ["/bin/busybox", "echo", "entrypoint"];
  const document = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Entrypoint: entrypoint, Cmd: ["cmd"], Env: ["PATH=/usr/local/bin:/bin"], WorkingDir: "/work" },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  };
  const config = await put(JSON.stringify(document), "application/vnd.oci.image.config.v1+json");
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await put(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] }), mediaType);
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

async function writeRoot(root: string, options: BusyboxImageOptions): Promise<void> {
  const { without = [], shell = true, programs = [], folders = [] } = options;
  const busybox = await findProgram(exec, "busybox");
  if (!busybox) throw new Error("busybox is missing: install Debian's package busybox-static.");
  for (const path of ["bin", "work", "tmp", "dev", "etc"]) await mkdir(join(root, path), { recursive: true });
  await copyFile(busybox, join(root, "bin/busybox"));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n");
  for (const program of programs) await copyProgram(root, program, join("bin", basename(program)));
  for (const folder of folders) await cp(folder, join(root, folder), { recursive: true });
  if (!shell) return;
  const { stdout } = await exec(busybox, ["--list"]);
  const applets = stdout.split("\n").filter((name) => name !== "" && name !== "busybox" && !without.includes(name));
  for (const name of applets) await symlink("busybox", join(root, "bin", name));
  if (without.length > 0) await useDash(root);
}

/** busybox's own shell finds every applet, on PATH or not; dash does not. */
async function useDash(root: string): Promise<void> {
  await rm(join(root, "bin/sh"));
  await copyProgram(root, "/bin/dash", "bin/sh");
}

async function copyProgram(root: string, program: string, target: string): Promise<void> {
  const { stdout } = await exec("ldd", [program]);
  await copyFile(program, join(root, target));
  for (const library of stdout.match(/\/\S+(?= \(0x)/g) ?? []) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await copyFile(library, join(root, library));
  }
}

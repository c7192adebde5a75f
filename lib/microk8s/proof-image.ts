import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { DomainError } from "../error.ts";
import type { Exec } from "../exec.ts";
import type { Log } from "../log.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { pushImage } from "../oci/push-image.ts";
import { openRegistry } from "../oci/registry-client.ts";
import { writeLayer } from "../oci/write-layer.ts";

export interface ProofImageOptions {
  /** Registry that this machine pushes to, and its name for the kubelet. */
  readonly registry: { readonly push: string; readonly pull: string };
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly tempDirectory: string;
}

const repository = "gpu-ci/gpu-proof";
// nvidia-smi comes with the driver, and needs these of the C library beside what a shell needs.
const further = ["libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"];

/**
 * Makes and pushes an image that has just enough for the driver's nvidia-smi: this machine's C library. The same files give the same digest, and a second push
 * moves nothing. Returns it as the kubelet names it. Throws DomainError `gpu-unproven` where this machine's programs use no GNU C library.
 */
export async function pushProofImage(options: ProofImageOptions): Promise<string> {
  const files = await libraryFiles(options);
  const file = join(options.tempDirectory, "gpu-proof.tar");
  const contents = (async function* () {
    for (const path of files) {
      const bytes = await readFile(await realpath(path));
      yield {
        file: { path: path.slice(1), kind: "executable" as const, size: bytes.length },
        bytes: (async function* () {
          yield bytes;
        })(),
      };
    }
  })();
  const layer = await writeLayer({ file, targetDirectory: "", contents, owner: { uid: 0, gid: 0 }, mtimeSeconds: 0 });
  const image = imageOf(layer, await readFile(file));
  using client = openRegistry({ ...options, registry: options.registry.push });
  const source = { description: "the image that tries a GPU", name: undefined, storedIn: () => undefined, ...image };
  const { digest } = await pushImage({
    source: { ...source, [Symbol.asyncDispose]: async () => {} },
    client,
    repository,
    tags: [],
    parallel: 2,
    log: options.log,
  });
  return `${options.registry.pull}/${repository}@${digest}`;
}

async function libraryFiles({ exec, env, signal }: ProofImageOptions): Promise<readonly string[]> {
  const { stdout } = await exec("ldd", ["/bin/sh"], { env, signal, ignoreExitCode: true }).catch(() => ({
    stdout: "",
  }));
  const needed = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  const library = needed.find((path) => basename(path) === "libc.so.6");
  if (library === undefined) {
    throw new DomainError(
      "gpu-unproven",
      "No pod could try a GPU: the programs of this machine use no GNU C library to put into an image for it.",
      {
        hint: "Run this on the GPU machine itself, or on a Debian, Ubuntu or RHEL runner.",
      },
    );
  }
  const beside = await Promise.all(further.map((name) => exists(join(dirname(library), name))));
  return [...new Set(["/bin/sh", ...needed, ...beside.flat()])].sort();
}

async function exists(path: string): Promise<readonly string[]> {
  return realpath(path).then(
    () => [path],
    () => [],
  );
}

function imageOf(layer: { readonly digest: string; readonly size: number }, bytes: Buffer) {
  const blobs = new Map<string, Buffer>([[layer.digest, bytes]]);
  const add = (mediaType: string, document: object): Descriptor => {
    const content = Buffer.from(JSON.stringify(document));
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    blobs.set(digest, content);
    return { mediaType, digest, size: content.length };
  };
  const config = add("application/vnd.oci.image.config.v1+json", {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: {
      Env: [
        "PATH=/usr/local/nvidia/bin:/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
        "NVIDIA_DRIVER_CAPABILITIES=utility",
      ],
      Cmd: ["nvidia-smi", "-L"],
    },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const layers = [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }];
  const root = add(mediaType, { schemaVersion: 2, mediaType, config, layers });
  const open = async ({ digest }: Pick<Descriptor, "digest">) => Readable.from([blobs.get(digest) ?? Buffer.alloc(0)]);
  return { root, open };
}

import { spawn } from "node:child_process";
import { PassThrough, type Readable } from "node:stream";
import { deadline } from "../abort.ts";
import { DomainError } from "../error.ts";
import { CommandError } from "../exec.ts";
import type { Host } from "../host.ts";
import { type ContainerdClient, containerdFailure, findContainerd } from "./containerd.ts";
import { readBody } from "./http-exchange.ts";
import { readContent } from "./image-content.ts";
import { type Descriptor, parseManifest } from "./manifest.ts";
import { formatReference, parseReference } from "./reference.ts";
import type { ImageSource } from "./source.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal">;

/**
 * An image in the containerd of this node, read blob by blob where it lies: no export, no temporary space. Of an index, of which a node pulls its own platform only,
 * that platform's image is taken. Throws DomainError `engine-absent`, `containerd-unreachable`, `source-absent`, `source-unreadable` or `deadline-exceeded`.
 */
export async function openContainerdImage(name: string, deps: Deps): Promise<ImageSource> {
  const client = await findContainerd(deps);
  const ask = async (...words: string[]) => {
    using limit = deadline(`containerd's answer to ${words.join(" ")}`, 30_000, deps.signal);
    const { stdout } = await deps.exec(client.program, [...client.args, ...words], {
      env: deps.env,
      signal: limit.signal,
    });
    return stdout.split("\n").filter((line) => line !== "");
  };
  try {
    const image = await findImage(name, ask);
    const present = new Set(await ask("content", "ls", "--quiet"));
    const open = async ({ digest }: Descriptor) => {
      if (!present.has(digest)) throw contentAbsent(name, digest);
      return readBlob(client, digest, deps);
    };
    const root = await pickPlatform(image, present, open);
    if (root.digest !== image.digest) deps.log.info(`${name}: of its platforms this node has one, ${root.digest}.`);
    return {
      description: `containerd:${name}`,
      root,
      name,
      storedIn: () => undefined,
      open,
      [Symbol.asyncDispose]: async () => {},
    };
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw containerdFailure("source-unreadable", `did not give ${name}`, cause);
  }
}

async function findImage(name: string, ask: (...words: string[]) => Promise<readonly string[]>): Promise<Descriptor> {
  const reference = parseReference(name);
  const full =
    reference && formatReference({ ...reference, tag: reference.tag ?? (reference.digest ? undefined : "latest") });
  for (const ref of new Set([name, full ?? name])) {
    const [, line = ""] = await ask("images", "ls", `name==${ref}`);
    const [, mediaType, digest] = line.split(/\s+/);
    if (mediaType && digest) return { mediaType, digest, size: 0 };
  }
  throw new DomainError("source-absent", `containerd has no image ${name}.`, {
    hint: "Give its name as crictl images or ctr --namespace k8s.io images ls shows it, with registry and tag: pods see no other namespace.",
  });
}

/** What the node has whole: the image, or of an index the one platform that was pulled; its other manifests may be there without their layers. */
async function pickPlatform(
  image: Descriptor,
  present: ReadonlySet<string>,
  open: (descriptor: Descriptor) => Promise<Readable>,
): Promise<Descriptor> {
  const bytes = await readBody(await open(image), 4 << 20);
  const document = parseManifest(bytes, image.digest, image.mediaType);
  const root = { ...image, size: bytes.length };
  if (document.kind === "manifest") return root;
  const { manifests } = document.index;
  const whole: Descriptor[] = [];
  for (const child of manifests.filter(({ digest }) => present.has(digest))) {
    const { blobs } = await readContent({ root: child, description: image.digest, open });
    if (blobs.every(({ digest }) => present.has(digest))) whole.push(child);
  }
  const [only] = whole;
  return only && whole.length === 1 ? only : root;
}

function readBlob({ program, args }: ContainerdClient, digest: string, { env, signal }: Deps): Readable {
  const words = [...args, "content", "get", digest];
  const child = spawn(program, words, { env, signal, stdio: ["ignore", "pipe", "pipe"] });
  const output = new PassThrough({ highWaterMark: 1 << 20 });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  child.stdout.pipe(output, { end: false });
  child.once("error", (error) => output.destroy(error));
  child.once("close", (code) => {
    if (code === 0) return void output.end();
    const cause = new CommandError(program, words, code ?? -1, String(Buffer.concat(said)));
    output.destroy(containerdFailure("source-unreadable", `did not give blob ${digest}`, cause));
  });
  output.once("close", () => child.kill());
  return output;
}

function contentAbsent(name: string, digest: string): DomainError {
  return new DomainError("source-unreadable", `containerd has image ${name}, but no longer its blob ${digest}.`, {
    hint: "It was unpacked and then discarded (discard_unpacked_layers), or is of another platform: pull it from a registry instead.",
  });
}

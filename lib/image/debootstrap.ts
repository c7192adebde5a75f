import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../error.ts";
import { CommandError, type Exec, findProgram } from "../exec.ts";
import type { Log } from "../log.ts";
import { writeSingleLayerLayout } from "./single-layer-layout.ts";

export interface DebianBaseOptions {
  readonly exec: Exec;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Debian's code name, for instance `bookworm`. */
  readonly suite: string;
  /** The mirror to take packages from; default is debootstrap's own. */
  readonly mirror?: string;
  /** Further packages to install. */
  readonly packages?: readonly string[];
  /** Folder for the root file system while it is made; needs about 500 MB. */
  readonly workDirectory: string;
  /** Where the OCI image layout goes; does not exist yet. */
  readonly layout: string;
  /** Tag within the layout. */
  readonly tag: string;
  /** Time of every file of the image that is younger, in seconds since 1970. */
  readonly epochSeconds: number;
}

/**
 * Makes an image like `debian:<suite>-slim` from Debian's packages, where no registry has one to give. Returns the digest of its manifest;
 * the same packages give the same digest. Needs root. Throws DomainError `debootstrap-missing` or `debootstrap-failed`.
 */
export async function makeDebianBase(options: DebianBaseOptions): Promise<string> {
  const { exec, log, signal, workDirectory } = options;
  if (!(await findProgram(exec, "debootstrap"))) {
    throw new DomainError("debootstrap-missing", "debootstrap is not installed; it makes the Debian base image.", {
      hint: "Run: apt-get install debootstrap",
    });
  }
  const root = join(workDirectory, "rootfs");
  const archive = join(workDirectory, "rootfs.tar");
  await mkdir(workDirectory, { recursive: true });
  try {
    await log.group(`Debian ${options.suite} from its packages`, () => debootstrap(options, root));
    await strip(root);
    await exec("tar", tarArguments(root, archive, options.epochSeconds), { signal });
    return await writeSingleLayerLayout({ ...options, archive, environment: [debianPath], command: ["bash"] });
  } finally {
    await rm(root, { recursive: true, force: true });
    await rm(archive, { force: true });
  }
}

const debianPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

async function debootstrap(options: DebianBaseOptions, root: string): Promise<void> {
  const packages = ["ca-certificates", ...(options.packages ?? [])].join(",");
  const mirror = options.mirror === undefined ? [] : [options.mirror];
  const args = ["--variant=minbase", `--include=${packages}`, options.suite, root, ...mirror];
  const onLine = (line: string) => options.log.info(line.replace(/^[IWE]: /, ""));
  try {
    await options.exec("debootstrap", args, { signal: options.signal, onStdout: onLine });
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw new DomainError("debootstrap-failed", `debootstrap could not make Debian ${options.suite} in ${root}.`, {
      hint: "It needs root, mknod, and a Debian mirror that answers; its log above names the package.",
      retryable: true,
      cause,
    });
  }
}

/** Takes out what differs between two runs (caches, logs, ids), what belongs to the host, and what a slim image has no use for. */
async function strip(root: string): Promise<void> {
  const emptied = [
    "dev",
    "run",
    "tmp",
    "var/tmp",
    "var/log",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/cache/debconf",
    "debootstrap",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
  ];
  const removed = [
    "etc/machine-id",
    "etc/resolv.conf",
    "etc/hostname",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/diversions-old",
    "var/lib/dpkg/statoverride-old",
    "debootstrap",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/.pwd.lock",
  ];
  for (const folder of emptied) {
    const names = await readdir(join(root, folder)).catch(() => []);
    for (const name of names) await rm(join(root, folder, name), { recursive: true, force: true });
  }
  for (const path of removed) await rm(join(root, path), { recursive: true, force: true });
  // A service that a package starts during a build would outlive the build step.
  await writeFile(join(root, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
}

function tarArguments(root: string, archive: string, epochSeconds: number): readonly string[] {
  return [
    "--create",
    "--file",
    archive,
    "--directory",
    root,
    "--sort=name",
    "--numeric-owner",
    "--format=posix",
    "--pax-option=delete=atime,delete=ctime",
    `--mtime=@${epochSeconds}`,
    "--clamp-mtime",
    "--xattrs",
    ".",
  ];
}

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { makeDebianBase } from "../../lib/image/debootstrap.ts";
import { silentLog } from "../../lib/log.ts";

const repository = "test/debian";
const tag = "bookworm-slim";

/**
 * A reference to an image like debian:bookworm-slim in the test's registry, for machines that reach no public one. It is made of Debian's
 * packages once, which takes a minute, and then stays in the registry. Needs root, debootstrap and skopeo.
 */
export async function debianParent(registry: string, folder: string): Promise<string> {
  const reference = `${registry}/${repository}:${tag}`;
  const known = await fetch(`http://${registry}/v2/${repository}/manifests/${tag}`, {
    method: "HEAD",
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  if (known.ok) return reference;
  const layout = join(folder, "debian-layout");
  const workDirectory = join(folder, "debian");
  const { signal } = new AbortController();
  await makeDebianBase({
    exec,
    log: silentLog,
    signal,
    suite: "bookworm",
    workDirectory,
    layout,
    tag,
    epochSeconds: 0,
  });
  await exec("skopeo", ["copy", "--quiet", "--dest-tls-verify=false", `oci:${layout}:${tag}`, `docker://${reference}`]);
  await rm(layout, { recursive: true });
  return reference;
}

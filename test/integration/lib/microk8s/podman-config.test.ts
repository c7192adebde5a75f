import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import { podmanDropIn } from "../../../../lib/microk8s/podman-config.ts";
import { registryNames } from "../../../../lib/microk8s/trusted-registry.ts";
import { pushBusyboxImage } from "../../../support/busybox-image.ts";
import { startRegistry } from "../../../support/registry.ts";

it("skopeo, by our drop-in file, finds the registry over plain HTTP under the name that pods have for it", async () => {
  await using registry = await startRegistry();
  const reference = await pushBusyboxImage({ registry: registry.host, repository: "team/app" });
  const [, digest] = reference.split("@");
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-podman-"));
  try {
    // Drop-in files of a user are read as those of the machine are.
    const dropIns = join(folder, ".config/containers/registries.conf.d");
    await mkdir(dropIns, { recursive: true });
    await writeFile(
      join(dropIns, "900-gpu-ci.conf"),
      podmanDropIn(undefined, registryNames(registry.host, "127.0.0.1")),
    );
    const port = registry.host.split(":").at(-1);
    for (const name of [registry.host, `127.0.0.1:${port}`, "registry.container-registry.svc.cluster.local:5000"]) {
      const args = ["inspect", "--no-tags", "--format", "{{.Digest}}", `docker://${name}/team/app@${digest}`];
      const { stdout } = await exec("skopeo", args, { env: { ...process.env, HOME: folder } });
      expect([name, stdout.trim()]).toEqual([name, digest]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

import { isLoopback } from "../oci/loopback.ts";
import { withBuildkitRegistries } from "./buildkit-config.ts";
import { claimFile } from "./claims.ts";
import { withInsecureRegistries } from "./docker-config.ts";
import type { HostPrograms } from "./host-programs.ts";
import { certsFolder, withHostsToml } from "./hosts-toml.ts";
import { podmanDropIn } from "./podman-config.ts";
import { hasRootFile } from "./root-file.ts";
import type { TrustedRegistry } from "./trusted-registry.ts";

/** Lets microk8s' containerd pull from the registries; it reads these files anew at each pull. */
export async function trustInContainerd(
  host: HostPrograms,
  user: string,
  registries: readonly TrustedRegistry[],
): Promise<void> {
  for (const registry of registries) {
    await claimFile(host, user, {
      path: `${certsFolder}/${registry.name}/hosts.toml`,
      change: (present) => withHostsToml(present, registry),
      what: `containerd asks ${registry.scheme}://${registry.address} for ${registry.name}`,
    });
  }
}

/** Lets docker, podman and BuildKit, those of them that this machine has, use the registries; their other settings stay. */
export async function trustInBuilders(
  host: HostPrograms,
  user: string,
  registries: readonly TrustedRegistry[],
): Promise<void> {
  if (registries.length === 0) return;
  // Docker trusts loopback by itself, and knows no other address for a name.
  const forDocker = registries
    .filter(({ name, address }) => name === address && !isLoopback(name))
    .map(({ name }) => name);
  for (const { folder, file, unit } of dockers) {
    if (forDocker.length === 0 || !(await hasRootFile(host, folder))) continue;
    const change = (present: string | undefined) => withInsecureRegistries(host.log, file, present, forDocker);
    await claimFile(host, user, { path: file, change, unit, what: `insecure-registries ${forDocker.join(", ")}` });
  }
  const names = registries.map(({ name }) => name).join(", ");
  if (await hasRootFile(host, "/etc/containers/registries.conf.d")) {
    const path = "/etc/containers/registries.conf.d/900-gpu-ci.conf";
    await claimFile(host, user, {
      path,
      change: (present) => podmanDropIn(present, registries),
      what: `insecure: ${names}`,
    });
  }
  const buildkit = "/etc/buildkit/buildkitd.toml";
  if (!(await hasRootFile(host, buildkit))) return;
  const what = `registries ${names}, which buildkitd knows from its next start on`;
  await claimFile(host, user, {
    path: buildkit,
    change: (present) => withBuildkitRegistries(present, registries),
    what,
  });
}

const dockers = [
  { folder: "/etc/docker", file: "/etc/docker/daemon.json", unit: "docker.service" },
  {
    folder: "/var/snap/docker/current/config",
    file: "/var/snap/docker/current/config/daemon.json",
    unit: "snap.docker.dockerd.service",
  },
] as const;

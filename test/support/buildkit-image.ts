import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildkitPrograms } from "./buildkit-programs.ts";
import { debianParent } from "./debian-parent.ts";
import { buildAndPush } from "./runner-image.ts";

/**
 * An image like moby/buildkit:rootless in the test's registry, of the same programs and paths on Debian instead of Alpine; gives its
 * reference by digest. It is built once and then stays in the registry.
 */
export async function pushBuildkitImage(registry: string, folder: string): Promise<string> {
  const context = join(folder, "buildkit-image");
  mkdirSync(context, { recursive: true });
  const programs = await buildkitPrograms();
  for (const name of ["buildkitd", "buildctl", "rootlesskit"]) copyFileSync(join(programs, name), join(context, name));
  writeFileSync(join(context, "Dockerfile"), dockerfile(await debianParent(registry, folder)));
  return await buildAndPush({ context, file: "Dockerfile", image: "test/buildkit" });
}

// Debian's newuidmap is setuid root, and root of a pod may not map the user namespace of another user: with the capability alone it stays that user.
const dockerfile = (parent: string) => `FROM ${parent}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates libcap2-bin runc uidmap \\
 && rm -rf /var/lib/apt/lists/* \\
 && chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap \\
 && setcap cap_setuid+ep /usr/bin/newuidmap && setcap cap_setgid+ep /usr/bin/newgidmap
RUN useradd --uid 1000 --create-home user \\
 && mkdir -p /run/user/1000 /home/user/.local/tmp /home/user/.local/share/buildkit \\
 && chown -R 1000:1000 /run/user/1000 /home/user \\
 && echo user:100000:65536 >/etc/subuid && echo user:100000:65536 >/etc/subgid
COPY buildkitd buildctl rootlesskit /usr/bin/
USER 1000:1000
ENV HOME=/home/user USER=user XDG_RUNTIME_DIR=/run/user/1000 TMPDIR=/home/user/.local/tmp
ENV BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock
ENTRYPOINT ["rootlesskit", "buildkitd"]
`;

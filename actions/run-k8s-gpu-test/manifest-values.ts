import { userInfo } from "node:os";
import { basename, resolve } from "node:path";
import { openRepository } from "../../lib/git/repository.ts";
import { tryGit } from "../../lib/git/run-git.ts";
import type { Host } from "../../lib/host.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { findVersionFile } from "../../lib/version/find-version-file.ts";
import { formatVersion } from "../../lib/version/semantic-version.ts";
import type { Inputs } from "./inputs.ts";

/** What a template may ask for by name; what could not be found out is undefined, and a template that asks for it is refused. */
export interface ManifestValues {
  /** Names of duat's stencil, so that its templates render here too. */
  readonly duat: Readonly<Record<string, string | undefined>>;
  readonly run: Readonly<Record<"Run" | "RunURL" | "Actor" | "Repository" | "Commit", string | undefined>>;
}

/** Looks at the project and the run; asks no network. */
export async function readManifestValues(
  { workingDirectory }: Pick<Inputs, "workingDirectory">,
  deps: Pick<Host, "exec" | "env" | "signal" | "run">,
): Promise<ManifestValues> {
  const directory = resolve(workingDirectory);
  const context = { ...deps, directory };
  // A folder without git, or without a version, has templates that ask for neither.
  const repository = await openRepository(context).catch(() => undefined);
  const version = await findVersionFile(directory, ["auto"]).catch(() => undefined);
  const tag = await tryGit(context, ["describe", "--tags", "--exact-match"]).catch(() => undefined);
  const user = userInfo();
  const { id, attempt, url, actor, repository: name, commit } = deps.run;
  return {
    duat: {
      version: version && formatVersion(version.version),
      module: basename(directory)
        .toLowerCase()
        .replaceAll(/[^a-z0-9]/g, "-"),
      gitTag: repository?.eventTag ?? tag?.trim(),
      gitHash: repository?.commit,
      gitBranch: repository?.branch,
      gitURL: repository?.remoteUrl?.url,
      gitDir: repository?.root,
      userID: String(user.uid),
      userName: user.username,
      userGroupID: String(user.gid),
    },
    run: {
      Run: `${id}-${attempt}`,
      RunURL: url,
      Actor: actor,
      Repository: name,
      Commit: commit ?? repository?.commit,
    },
  };
}

/** The registry of an image, as templates name it. */
export function registryOf(image: string): string | undefined {
  return parseReference(image)?.registry;
}

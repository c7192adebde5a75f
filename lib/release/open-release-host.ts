import { type ForgeApiOptions, openForgeApi } from "./forge-api.ts";
import { giteaHost } from "./gitea-host.ts";
import { githubHost } from "./github-host.ts";
import type { ReleaseHost } from "./release-host.ts";

/** Opens the forge behind an API address. Gitea's and Forgejo's end in `/api/v1`, GitHub's in `/api/v3` or not in a version. */
export function openReleaseHost(options: ForgeApiOptions): ReleaseHost {
  const apiUrl = options.apiUrl.replace(/\/+$/, "");
  const api = openForgeApi({ ...options, apiUrl });
  return apiUrl.endsWith("/api/v1") ? giteaHost(api) : githubHost(api);
}

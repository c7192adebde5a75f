import { type BundleOptions, type BundleResult, runBundle } from "./bundle.ts";
import { createRepository, type TestRepository } from "./git-repository.ts";
import type { GithubApi } from "./github-api.ts";
import { repository } from "./github-routes.ts";

/** A checkout with two files to release, and github-release run on it against an emulated GitHub. */
export interface ReleaseProject extends AsyncDisposable {
  readonly checkout: TestRepository;
  readonly commit: string;
  release(inputs?: Readonly<Record<string, string>>, options?: BundleOptions): Promise<BundleResult>;
}

/** Makes the checkout; disposing it removes the folder. */
export async function createReleaseProject(api: GithubApi): Promise<ReleaseProject> {
  const checkout = await createRepository();
  await checkout.write("build/app-linux", "one");
  await checkout.write("build/app-darwin", "two, longer");
  const commit = await checkout.commit("first");
  return {
    checkout,
    commit,
    release: (inputs = {}, options = {}) =>
      runBundle("github-release", {
        cwd: checkout.path,
        inputs: { "tag-name": "v1.2.3", files: "build/*", ...inputs },
        ...options,
        env: { GITHUB_API_URL: api.url, GITHUB_REPOSITORY: repository, ...options.env },
      }),
    [Symbol.asyncDispose]: () => checkout[Symbol.asyncDispose](),
  };
}

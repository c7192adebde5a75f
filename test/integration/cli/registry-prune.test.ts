import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine } from "../../../cli/command-line.ts";
import { silentLog } from "../../../lib/log.ts";
import { listTags } from "../../../lib/oci/registry-catalog.ts";
import { openRegistry } from "../../../lib/oci/registry-client.ts";
import { ageFiles, pushDatedImage } from "../../support/dated-image.ts";
import { createRepository } from "../../support/git-repository.ts";
import { type ApiHandler, startKubernetesApi } from "../../support/kubernetes-api.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";

let home: string;
let registry: TestRegistry;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "gpu-ci-prune-"));
  registry = await startRegistry();
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function prune(args: readonly string[], env: NodeJS.ProcessEnv = {}, host = registry.host) {
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (chunk: string | Uint8Array) => {
      text[name] += String(chunk);
      return true;
    },
  });
  const status = await commandLine(["registry", "prune", "--registry", host, ...args], {
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    env: { PATH: process.env.PATH, HOME: home, ...env },
  });
  return { status, ...text };
}

const push = (repository: string, days: number, tags: readonly string[], host = registry.host) =>
  pushDatedImage({ registry: host, repository, tags, days });

async function tagsOf(repository: string): Promise<readonly string[]> {
  using client = openRegistry({ registry: registry.host, env: {}, log: silentLog });
  return listTags(client, repository);
}

/** A cluster that has these pods and nothing else. */
async function startCluster(handler: ApiHandler) {
  const api = await startKubernetesApi(handler);
  const file = join(home, `kubeconfig-${new URL(api.url).port}`);
  await writeFile(file, api.kubeconfig());
  return { api, env: { KUBECONFIG: file } };
}

const podWith = (image: string, imageID = "", phase = "Running") => ({
  metadata: { name: "p", namespace: "team", labels: {} },
  spec: { containers: [{ name: "main", image }] },
  status: { phase, containerStatuses: [{ name: "main", imageID }] },
});

describe("gpu-ci registry prune", () => {
  it("says what would go and why, and changes nothing in a dry run", async () => {
    await push("acme/dry", 30, ["fix-1"]);
    await push("acme/dry", 2, ["main"]);
    await push("acme/dry", 30, ["1.0.0"]);
    const args = ["--repository", "acme/dry", "--keep-days", "14", "--dry-run"];
    const { status, stdout } = await prune(args);
    expect(status).toBe(0);
    expect(stdout.replace(/[0-9a-f]{12}/g, "DIGEST").replace(/\d\S+ [kM]?B/g, "SIZE")).toBe(
      [
        "goes   acme/dry:fix-1  DIGEST  30 days old",
        "stays  acme/dry:1.0.0  DIGEST  version",
        "stays  acme/dry:main   DIGEST  2 days old",
        "",
        `1 of 3 tags would go, 2 stay (SIZE in all of ${registry.host}). SIZE would be free after garbage collection. Dry run: nothing was changed.`,
        "",
      ].join("\n"),
    );
    expect(await tagsOf("acme/dry")).toEqual(["1.0.0", "fix-1", "main"]);
  });

  it("keeps the tags of branches that the git remote has", async () => {
    await using git = await createRepository();
    await git.commit("first");
    await git.git("branch", "feature/212-kops_1");
    await push("acme/branches", 30, ["feature-212-kops-1"]);
    await push("acme/branches", 30, ["feature-9"]);
    const args = ["--repository", "acme/branches", "--keep-days", "14", "--keep-branches", "--remote"];
    expect((await prune([...args, join(home, "nothing")])).stderr).toContain("are not known");
    expect((await prune([...args, git.path])).status).toBe(0);
    expect(await tagsOf("acme/branches")).toEqual(["feature-212-kops-1"]);
  });

  it("keeps what a pod uses by name, by digest, or by what it started with; not what has ended", async () => {
    await push("acme/used", 30, ["by-name"]);
    const digest = await push("acme/used", 30, ["by-digest"]);
    const started = await push("acme/used", 30, ["moved"]);
    await push("acme/used", 30, ["ended"]);
    const items = [
      podWith("registry.container-registry.svc:5000/acme/used:by-name"),
      podWith(`localhost:32000/acme/used@${digest}`),
      podWith("elsewhere/app:1", `localhost:32000/acme/used@${started}`),
      podWith("localhost:32000/acme/used:ended", "", "Succeeded"),
    ];
    const { api, env } = await startCluster(({ path }, reply) =>
      path === "/api/v1/pods" ? reply.json({ items, metadata: {} }) : reply.refuse(404, "NotFound"),
    );
    await using _ = api;
    const { status, stdout } = await prune(["--repository", "acme/used", "--keep-days", "14", "--json"], env);
    const report = JSON.parse(stdout) as { deleted: { tags: string[] }[] };
    expect([status, report.deleted.map(({ tags }) => tags)]).toEqual([0, [["ended"]]]);
    expect(await tagsOf("acme/used")).toEqual(["by-digest", "by-name", "moved"]);
  });

  it("deletes nothing when the cluster does not say what its pods use", async () => {
    await push("acme/unknown", 30, ["old"]);
    const { api, env } = await startCluster((_call, reply) => reply.refuse(403, "Forbidden"));
    await using _ = api;
    const args = ["--repository", "acme/unknown", "--keep-days", "14"];
    const refused = await prune(args, env);
    expect([refused.status, refused.stdout]).toEqual([3, ""]);
    expect(refused.stderr).toContain("gpu-ci-observer");
    expect(await tagsOf("acme/unknown")).toEqual(["old"]);
    expect((await prune([...args, "--no-check-pods"], env)).status).toBe(0);
    expect(await tagsOf("acme/unknown")).toEqual([]);
  });

  it("collects no garbage while a run of ours is live", async () => {
    const live = { ...podWith("x"), metadata: { name: "test", namespace: "team", labels: { "gpu-ci/run": "1" } } };
    const { api, env } = await startCluster(({ path }, reply) =>
      path === "/api/v1/pods" ? reply.json({ items: [live], metadata: {} }) : reply.refuse(404, "NotFound"),
    );
    await using _ = api;
    const gc = ["--gc", "host", "--gc-config", registry.configuration, "--quiet-for", "0"];
    const { status, stdout } = await prune(["--keep-days", "9000", ...gc], env);
    expect([status, stdout]).toEqual([3, expect.stringContaining("A run is under way (team/test)")]);
  });

  it("deletes and collects on this machine, and tells the bytes", async () => {
    await using own = await startRegistry({ deletes: true });
    await push("acme/app", 30, ["old"], own.host);
    await push("acme/app", 1, ["new"], own.host);
    await ageFiles(own.root);
    const args = ["--keep-days", "14", "--gc", "host", "--gc-config", own.configuration, "--json"];
    const { status, stdout } = await prune(args, {}, own.host);
    const report = JSON.parse(stdout) as { freedBytes: number; garbage: unknown };
    expect([status, report.garbage]).toEqual([0, { freedBytes: report.freedBytes, damaged: [] }]);
    expect(report.freedBytes).toBeGreaterThan(1000);
  });

  it("lets images go that no tag names when told so, by the time of their push", async () => {
    await using own = await startRegistry();
    const moved = await push("acme/app", 30, ["main"], own.host);
    const index = await pushDatedImage({ registry: own.host, repository: "acme/app", tags: [], index: true });
    await ageFiles(own.root);
    await push("acme/app", 30, ["main"], own.host);
    const recent = await push("acme/app", 30, [], own.host);
    const args = ["--keep-days", "14", "--gc", "host", "--gc-config", own.configuration, "--quiet-for", "0", "--json"];
    const deletedBy = async (...more: string[]) => {
      const { status, stdout } = await prune([...args, ...more], {}, own.host);
      const { deleted, verdicts } = JSON.parse(stdout) as Record<string, { digest: string; why: string }[]>;
      const why = verdicts?.find(({ digest }) => digest === moved)?.why;
      return { status, deleted: deleted?.map(({ digest }) => digest), why };
    };
    expect(await deletedBy()).toEqual({ status: 0, deleted: [], why: "no tag, and not asked for" });
    const { status, deleted } = await deletedBy("--untagged");
    expect([status, deleted?.length]).toEqual([0, 4]);
    expect(deleted).toEqual(expect.arrayContaining([moved, index]));
    expect(deleted).not.toContain(recent);
  });

  it("refuses wrong options before it asks anybody", async () => {
    const nobody = "localhost:1";
    expect(await prune([], {}, nobody)).toMatchObject({ status: 2, stderr: expect.stringContaining("keep-last") });
    expect(await prune(["--keep-days", "x"], {}, nobody)).toMatchObject({ status: 2 });
    expect(await prune(["--keep-days", "1", "--untagged"], {}, nobody)).toMatchObject({ status: 2 });
    expect(await prune(["--keep-days", "1", "--gc-pod", "registry"], {}, nobody)).toMatchObject({ status: 2 });
  });
});

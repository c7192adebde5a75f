import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectKubernetes } from "../../../../lib/kubernetes/client.ts";
import { createObject, deleteObject, getObject, listObjects } from "../../../../lib/kubernetes/object.ts";
import { configMaps, pods } from "../../../../lib/kubernetes/resource.ts";
import { silentLog } from "../../../../lib/log.ts";
import { type ApiHandler, startKubernetesApi } from "../../../support/kubernetes-api.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "transport-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Answers the first call by the first handler, and so on; the last one answers all that follow. */
function inTurn(...handlers: readonly ApiHandler[]): ApiHandler {
  let turn = 0;
  return (call, reply) => handlers[Math.min(turn++, handlers.length - 1)]?.(call, reply);
}

const found: ApiHandler = (_call, reply) => reply.json({ metadata: { name: "a" } });

describe("a request", () => {
  it("is sent again after a cut connection, 503 and 429, waiting as long as it is told", async () => {
    await using api = await startKubernetesApi(
      inTurn(
        (_call, reply) => reply.cut(),
        (_call, reply) => reply.refuse(503, "ServiceUnavailable"),
        (_call, reply) => reply.refuse(429, "TooManyRequests", "slow down", { "Retry-After": "1" }),
        found,
      ),
    );
    const cluster = await api.connect();
    const before = performance.now();
    expect(await getObject(cluster, pods, "a")).toEqual({ metadata: { name: "a" } });
    expect(performance.now() - before).toBeGreaterThan(1000);
    expect(api.calls.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array(4).fill("GET /api/v1/namespaces/team/pods/a"),
    );
  });

  it("ends at its deadline when the server is silent, and at once with the signal", async () => {
    await using api = await startKubernetesApi(() => {});
    const cluster = await api.connect();
    await expect(getObject(cluster, pods, "a", { timeoutMs: 200 })).rejects.toMatchObject({
      code: "api-unreachable",
      retryable: true,
    });
    const reason = new Error("enough");
    const signal = AbortSignal.timeout(100);
    const abort = new AbortController();
    signal.addEventListener("abort", () => abort.abort(reason));
    await expect(getObject(cluster, pods, "a", { signal: abort.signal })).rejects.toBe(reason);
  });

  it("tells refused from absent: a closed port is api-unreachable within the call's time", async () => {
    const api = await startKubernetesApi(found);
    const cluster = await api.connect();
    await api[Symbol.asyncDispose]();
    await expect(getObject(cluster, pods, "a", { timeoutMs: 300 })).rejects.toMatchObject({ code: "api-unreachable" });
  });

  it("does not send a POST twice whose reply was lost, unless its name is deterministic", async () => {
    const object = { metadata: { name: "a" } };
    await using api = await startKubernetesApi((_call, reply) => reply.cut());
    const cluster = await api.connect();
    await expect(createObject(cluster, configMaps, object, { timeoutMs: 2000 })).rejects.toMatchObject({
      code: "api-unreachable",
    });
    expect(api.calls.length).toBe(1);
  });

  it("takes a 409 after a lost reply for its own object, but one at the first attempt for another's", async () => {
    const object = { metadata: { name: "a" } };
    const conflict: ApiHandler = (_call, reply) => reply.refuse(409, "AlreadyExists");
    await using lost = await startKubernetesApi(inTurn((_call, reply) => reply.cut(), conflict, found));
    const options = { deterministicName: true };
    expect(await createObject(await lost.connect(), configMaps, object, options)).toEqual({ metadata: { name: "a" } });
    expect(lost.calls.map(({ method }) => method)).toEqual(["POST", "POST", "GET"]);
    await using foreign = await startKubernetesApi(conflict);
    await expect(createObject(await foreign.connect(), configMaps, object, options)).rejects.toMatchObject({
      status: 409,
    });
  });

  it("deletes what is there, and says when nothing was", async () => {
    await using api = await startKubernetesApi(
      inTurn(
        (_call, reply) => reply.json({ kind: "Status", status: "Success" }),
        (_call, reply) => reply.refuse(404, "NotFound"),
      ),
    );
    const cluster = await api.connect();
    expect([
      await deleteObject(cluster, pods, "a", { uid: "u", gracePeriodSeconds: 0 }),
      await deleteObject(cluster, pods, "a"),
    ]).toEqual([true, false]);
    expect(JSON.parse(api.calls[0]!.body)).toEqual({
      apiVersion: "v1",
      kind: "DeleteOptions",
      gracePeriodSeconds: 0,
      preconditions: { uid: "u" },
    });
  });
});

describe("a list", () => {
  it("is read in pages, and anew in one piece when its version expired between two of them", async () => {
    const page = (name: string, next?: string) => ({
      items: [{ metadata: { name } }],
      metadata: { resourceVersion: "7", continue: next },
    });
    await using api = await startKubernetesApi(
      inTurn(
        (_call, reply) => reply.json(page("a", "next")),
        (_call, reply) => reply.refuse(410, "Expired"),
        (_call, reply) => reply.json(page("b")),
      ),
    );
    const list = await listObjects(await api.connect(), pods, { labelSelector: "x=y" });
    expect(list).toEqual({ resourceVersion: "7", items: [{ apiVersion: "v1", kind: "Pod", metadata: { name: "b" } }] });
    expect(api.calls.map(({ query }) => query.toString())).toEqual([
      "labelSelector=x%3Dy&limit=500",
      "labelSelector=x%3Dy&limit=500&continue=next",
      "labelSelector=x%3Dy",
    ]);
  });
});

describe("credentials", () => {
  const needToken =
    (token: string): ApiHandler =>
    (call, reply) =>
      call.headers.authorization === `Bearer ${token}` ? found(call, reply) : reply.refuse(401, "Unauthorized");

  it("are read anew once when the server answers 401: a token file that was rotated", async () => {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "old\n");
    let valid = "old";
    await using api = await startKubernetesApi((call, reply) => needToken(valid)(call, reply));
    const cluster = await api.connect({ user: { tokenFile } });
    await getObject(cluster, pods, "a");
    valid = "new";
    await writeFile(tokenFile, "new\n");
    await getObject(cluster, pods, "a");
    valid = "nobody knows";
    await expect(getObject(cluster, pods, "a")).rejects.toMatchObject({ status: 401, code: "unauthorized" });
    expect(api.calls.map(({ headers }) => headers.authorization?.slice(7))).toEqual([
      "old",
      "old",
      "new",
      "new",
      "new",
    ]);
  });

  it("come from an exec plugin, whose failure is told with its own words", async () => {
    const plugin = join(folder, "plugin");
    await writeFile(
      plugin,
      `#!/bin/sh\necho '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'\n`,
    );
    await chmod(plugin, 0o755);
    await using api = await startKubernetesApi(needToken("from-plugin"));
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: plugin };
    await getObject(await api.connect({ user: { exec } }), pods, "a");
    await writeFile(plugin, "#!/bin/sh\necho log in again >&2\nexit 1\n");
    const failing = await api.connect({ user: { exec } });
    await expect(getObject(failing, pods, "a")).rejects.toMatchObject({
      code: "credentials-failed",
      cause: new Error("log in again\n"),
    });
  });

  it.each([
    [{ token: "t" }, "Bearer t"],
    [{ username: "u", password: "p" }, "Basic dTpw"],
  ])("are sent as the kubeconfig has them", async (user, authorization) => {
    await using api = await startKubernetesApi(found);
    await getObject(await api.connect({ user }), pods, "a");
    expect(api.calls[0]?.headers.authorization).toBe(authorization);
  });

  it("act for another user in all of the groups that are named", async () => {
    await using api = await startKubernetesApi(found);
    await getObject(await api.connect({ user: { token: "t", as: "jane", "as-groups": ["ci", "gpu"] } }), pods, "a");
    const { "impersonate-user": user, "impersonate-group": groups } = api.calls[0]!.headers;
    expect([user, groups]).toEqual(["jane", "ci, gpu"]);
  });

  it("name the contexts there are when the wanted one is not", async () => {
    await using api = await startKubernetesApi(found);
    const options = { kubeconfig: api.kubeconfig(), context: "other", namespace: undefined, env: {}, log: silentLog };
    await expect(connectKubernetes(options)).rejects.toMatchObject({
      code: "context-missing",
      message: 'the content of the input kubeconfig has no context "other"; it has: fake.',
    });
  });
});

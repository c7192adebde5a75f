import { expect, it } from "vitest";
import { findLeftovers } from "../../../../lib/engine/kubernetes-leftovers.ts";
import { type Log, silentLog } from "../../../../lib/log.ts";
import { type ApiHandler, startKubernetesApi } from "../../../support/kubernetes-api.ts";

const now = new Date("2026-01-01T12:00:00Z");
const [passed, ahead] = ["2026-01-01T11:00:00Z", "2026-01-01T13:00:00Z"];
const verbs = ["list", "delete"];

function objectOf(name: string, run: string, more: object = {}) {
  const labels = { "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": run };
  const annotations = { "gpu-ci/expires": passed };
  return { metadata: { name, namespace: "team", uid: `uid-${name}`, labels, annotations, ...more } };
}

const lists: Readonly<Record<string, readonly object[]>> = {
  jobs: [objectOf("old", "1-1"), objectOf("young", "2-1", { annotations: { "gpu-ci/expires": ahead } })],
  configmaps: [objectOf("part", "1-1", { ownerReferences: [{ kind: "Job", name: "old", uid: "uid-old" }] })],
};

/** A cluster with Jobs, ConfigMaps and Secrets of ours, in which this account may see its own namespace alone, and no Secrets. */
const answer: ApiHandler = ({ method, path }, reply) => {
  const plural = path.split("/").at(-1) ?? "";
  const kindOf = (name: string, kind: string) => ({ name, kind, namespaced: true, verbs });
  if (path === "/apis") return reply.json({ groups: [{ preferredVersion: { groupVersion: "batch/v1" } }] });
  if (path === "/apis/batch/v1")
    return reply.json({ resources: [kindOf("jobs", "Job"), kindOf("jobs/status", "Job")] });
  if (path === "/api/v1") {
    const events = kindOf("events", "Event");
    return reply.json({ resources: [kindOf("configmaps", "ConfigMap"), kindOf("secrets", "Secret"), events] });
  }
  if (method === "DELETE") return reply.json({});
  if (plural === "secrets" || !path.includes("/namespaces/team/")) return reply.refuse(403, "Forbidden");
  if (/\/(jobs|configmaps)$/.test(path)) return reply.json({ items: lists[plural], metadata: {} });
  if (plural === "pods") return reply.json({ items: [], metadata: {} });
  return reply.refuse(404, "NotFound");
};

it("finds what it may see of all kinds, says what it may not, and removes an object by its uid", async () => {
  await using api = await startKubernetesApi(answer);
  const lines: string[] = [];
  const log: Log = { ...silentLog, info: (line) => void lines.push(line) };
  const cluster = await api.connect({ log });
  const found = await findLeftovers(cluster, { now, signal: AbortSignal.timeout(20_000) });
  expect(found.map(({ kind, name, run, isOver, why }) => ({ kind, name, run, isOver, why }))).toEqual([
    { kind: "Job", name: "old", run: "1-1", isOver: true, why: "expired 1 h 0 m ago" },
    { kind: "Job", name: "young", run: "2-1", isOver: false, why: "may run for 1 h 0 m more" },
  ]);
  expect(lines).toEqual([
    "The account may not look into every namespace: only team is looked at.",
    "Not looked at, for the account may not list them: secrets.",
  ]);
  await found[0]?.remove();
  const deletions = api.calls.filter(({ method }) => method === "DELETE");
  expect(deletions.map(({ path, body }) => [path, JSON.parse(body).preconditions])).toEqual([
    ["/apis/batch/v1/namespaces/team/jobs/old", { uid: "uid-old" }],
  ]);
});

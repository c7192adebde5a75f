import { stringify } from "yaml";
import type { ConfigMap, Pod } from "../../lib/kubernetes/resource.ts";
import { parseRunnerConfig, type RunnerConfig } from "../../lib/runner/runner-config.ts";
import type { ForgeRunner } from "../../lib/runner/runner-forge.ts";
import { activityLabel, templateAnnotation } from "../../lib/runner/runner-pod.ts";

/** The time of the tests' looks. */
export const lookedAt = Date.parse("2026-01-01T12:00:00Z");

/** A controller's settings, with some of them changed. */
export function runnerConfig(change: Readonly<Record<string, unknown>> = {}): RunnerConfig {
  const settings = {
    release: "team",
    namespace: "runners",
    mode: "plain",
    forge: { kind: "gitea", url: "https://forge.test", scope: "org:acme" },
    replicas: 2,
    runner: { image: "registry.test/runner@sha256:00" },
    ...change,
  };
  return parseRunnerConfig(stringify(settings), "the test");
}

/** A ConfigMap of the switch, last changed at a time. */
export function switchMap(name: string, data: Readonly<Record<string, string>>, changedAt?: string): ConfigMap {
  const managedFields = [{ manager: "kubectl", time: changedAt ?? "", fieldsV1: { "f:data": { "f:STATE": {} } } }];
  return { metadata: { name, uid: `uid-${name}`, ...(changedAt === undefined ? {} : { managedFields }) }, data };
}

/** What a test says of a runner pod. */
export interface RunnerPodFacts {
  readonly activity?: string;
  readonly node?: string;
  readonly phase?: string;
  readonly ageMs?: number;
  readonly template?: string;
  readonly isDeleting?: boolean;
}

/** A runner pod as the API gives it. */
export function runnerPodOf(name: string, facts: RunnerPodFacts = {}): Pod {
  const { activity = "idle", node = "a", phase = "Running", ageMs = 60_000, template = "now" } = facts;
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      creationTimestamp: new Date(lookedAt - ageMs).toISOString(),
      labels: { [activityLabel]: activity },
      annotations: { [templateAnnotation]: template },
      ...(facts.isDeleting ? { deletionTimestamp: new Date(lookedAt).toISOString() } : {}),
    },
    spec: { containers: [], ...(node === "" ? {} : { nodeName: node }) },
    status: { phase },
  };
}

/** A runner as the forge lists it. */
export function forgeRunnerOf(name: string, facts: Partial<ForgeRunner> = {}): ForgeRunner {
  return { id: 1, name, online: true, busy: false, ...facts };
}

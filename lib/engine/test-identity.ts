import { createHash } from "node:crypto";
import type { RunIdentity } from "../host.ts";

/** Names and marks of everything that one run creates. */
export interface TestIdentity {
  /** Name of the Job, Secret or container. */
  readonly name: string;
  /** Value of the label gpu-ci/run. */
  readonly run: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Everything is made from the run's id, attempt and matrix leg, so that the same run names the same objects. `expires` is when they may be swept; `retries` counts the disrupted tries before this one. */
export function testIdentity(identity: RunIdentity, expires: Date, retries = 0): TestIdentity {
  const leg = createHash("sha256").update(identity.matrix).digest("hex").slice(0, 8);
  const run = [labelPart(identity.id), identity.attempt, ...(identity.matrix === "" ? [] : [leg])].join("-");
  const told: Readonly<Record<string, string | undefined>> = {
    "gpu-ci/run-url": identity.url,
    "gpu-ci/actor": identity.actor,
    "gpu-ci/repository": identity.repository,
    "gpu-ci/commit": identity.commit,
    "gpu-ci/runner-pod": identity.runnerPod,
  };
  return {
    name: `gpu-ci-${run}${retries > 0 ? `-r${retries}` : ""}`,
    run,
    labels: { "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": run },
    annotations: {
      "gpu-ci/expires": expires.toISOString(),
      ...Object.fromEntries(Object.entries(told).flatMap(([key, value]) => (value ? [[key, value]] : []))),
    },
  };
}

/** At most 32 characters that a label and a name may have; what was cut or replaced is kept apart by a hash. */
function labelPart(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  if (plain === text && plain.length <= 32) return plain;
  return `${plain.slice(0, 23)}-${createHash("sha256").update(text).digest("hex").slice(0, 8)}`.replace(/^-/, "");
}

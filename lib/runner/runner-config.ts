import * as v from "valibot";
import { parse } from "yaml";
import { parseDuration } from "../duration.ts";
import { DomainError } from "../error.ts";

const durationMs = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform((value) => parseDuration(String(value))),
  v.number("a duration such as 90s, 10m or 6h"),
);
const textMap = v.record(v.string(), v.string());
const objects = v.array(v.record(v.string(), v.unknown()));

const runnerShape = v.object({
  image: v.string(),
  serviceAccount: v.optional(v.string(), ""),
  kubeconfig: v.optional(v.string(), ""),
  env: v.optional(textMap, {}),
  resources: v.optional(v.object({ requests: v.optional(textMap), limits: v.optional(textMap) }), {}),
  nodeSelector: v.optional(textMap, {}),
  tolerations: v.optional(objects, []),
  imagePullSecrets: v.optional(v.array(v.object({ name: v.string() })), []),
  runtimeClass: v.optional(v.string(), ""),
  workSize: v.optional(v.string(), "10Gi"),
  activeDeadline: v.optional(durationMs, "6h"),
  podPatch: v.optional(v.record(v.string(), v.unknown()), {}),
});

const scopePattern = /^(instance|org:[^/\s]+|repo:[^/\s]+\/[^/\s]+)$/;

const forgeShape = v.pipe(
  v.object({
    kind: v.picklist(["github", "gitea"]),
    url: v.pipe(v.string(), v.url()),
    runnerUrl: v.optional(v.string(), ""),
    scope: v.pipe(v.string(), v.regex(scopePattern, "org:NAME, repo:OWNER/NAME or instance")),
  }),
  v.check(
    ({ kind, scope }) => kind === "gitea" || scope !== "instance",
    "GitHub registers runners for org:NAME or repo:OWNER/NAME, not for the instance",
  ),
);

const configShape = v.pipe(
  v.object({
    release: v.pipe(v.string(), v.regex(/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/)),
    namespace: v.pipe(v.string(), v.nonEmpty()),
    jobsNamespace: v.optional(v.string(), ""),
    forge: v.optional(forgeShape),
    mode: v.picklist(["plain", "arc"]),
    scaleSet: v.optional(v.string(), ""),
    replicas: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(500)), 1),
    labels: v.optional(v.pipe(v.array(v.pipe(v.string(), v.regex(/^[^\s,:]+$/))), v.nonEmpty()), [
      "self-hosted",
      "gpu",
    ]),
    drainConfigMap: v.optional(v.string(), "gpu-ci-runners"),
    registerTimeout: v.optional(durationMs, "5m"),
    interval: v.optional(durationMs, "10s"),
    runner: v.optional(runnerShape),
  }),
  v.check(({ mode, runner }) => mode === "arc" || runner !== undefined, "mode plain needs runner.image"),
  v.check(({ mode, forge }) => mode === "arc" || forge !== undefined, "mode plain needs forge"),
  v.check(({ mode, scaleSet }) => mode === "plain" || scaleSet !== "", "mode arc needs scaleSet"),
);

/** What the controller keeps: where, how many runners, of which forge, made how. Durations are in milliseconds. */
export type RunnerConfig = v.InferOutput<typeof configShape>;

/** How the pod of a runner is made. */
export type RunnerTemplate = v.InferOutput<typeof runnerShape>;

/** Reads the controller's YAML. Throws DomainError `runners-config-invalid` that names every wrong key. */
export function parseRunnerConfig(yaml: string, source: string): RunnerConfig {
  const result = v.safeParse(configShape, readYaml(yaml, source));
  if (result.success) return result.output;
  const wrong = result.issues.map((issue) => {
    const key = v.getDotPath(issue);
    return key === null ? issue.message : `${key}: ${issue.message}`;
  });
  throw invalid(source, wrong.join("; "));
}

function readYaml(yaml: string, source: string): unknown {
  try {
    return parse(yaml);
  } catch (cause) {
    throw invalid(source, cause instanceof Error ? cause.message : String(cause));
  }
}

function invalid(source: string, why: string): DomainError {
  return new DomainError("runners-config-invalid", `The runners' settings in ${source} cannot be used: ${why}`, {
    hint: "Correct the chart's values and upgrade the release, or the file that --config names.",
  });
}

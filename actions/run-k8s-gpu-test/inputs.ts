import { parse } from "yaml";
import { isClaimTemplate } from "../../lib/engine/gpu-request.ts";
import { parseServices, type ServiceRequest } from "../../lib/engine/service-request.ts";
import type { TestPod, TestVolume, Toleration } from "../../lib/engine/test-pod.ts";
import { checkServiceVariables } from "../../lib/engine/test-service.ts";
import { InputError } from "../../lib/error.ts";
import {
  choice,
  duration,
  flag,
  type GetInput,
  integer,
  list,
  map,
  requiredText,
  secretMap,
  text,
} from "../../lib/input.ts";
import { parseReference } from "../../lib/oci/reference.ts";

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const quantity = /^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/;
const objectName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Reads the inputs of action.yml; throws InputError for the first wrong one. */
export function readInputs(get: GetInput) {
  return {
    image: image(get),
    command: text(get, "command"),
    args: list(get, "args"),
    env: map(get, "env", variableName),
    secretEnv: secretMap(get, "secret-env", variableName),
    gpus: gpus(get),
    gpuResource: gpuResource(get),
    cpu: matching(get, "cpu", quantity, "a number of CPUs such as 4 or 500m"),
    memory: matching(get, "memory", quantity, "a size such as 16Gi"),
    shmSize: matching(get, "shm-size", quantity, "a size such as 8Gi"),
    runAs: runAs(get),
    nodeSelector: map(get, "node-selector"),
    tolerations: list(get, "tolerations").map(toleration),
    runtimeClass: name(get, "runtime-class"),
    queueName: name(get, "queue-name"),
    priorityClass: name(get, "priority-class"),
    serviceAccount: name(get, "service-account"),
    volumes: list(get, "volumes")
      .filter((line) => !isFile(line))
      .map(volume),
    files: list(get, "volumes").filter(isFile).map(file),
    services: services(get),
    manifests: list(get, "manifests"),
    testKeys: flag(get, "test-keys"),
    shards: integer(get, "shards", 1, 100),
    wrap: flag(get, "wrap"),
    pendingTimeoutMs: duration(get, "pending-timeout"),
    retryOnDisruption: integer(get, "retry-on-disruption", 0, 20),
    podPatch: podPatch(get),
    engine: choice(get, "engine", ["auto", "kubernetes", "podman", "docker"]),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    namespace: name(get, "namespace"),
    timeoutMs: duration(get, "timeout"),
    workingDirectory: requiredText(get, "working-directory"),
    ...reportInputs(get),
  };
}

/** What comes back from a test, and whom it is told. */
function reportInputs(get: GetInput) {
  return {
    results: patterns(get, "results"),
    artifacts: patterns(get, "artifacts"),
    lastReport: text(get, "last-report"),
    commitStatus: text(get, "commit-status"),
    githubToken: text(get, "github-token"),
    summary: flag(get, "summary"),
  };
}

export type Inputs = ReturnType<typeof readInputs>;

function image(get: GetInput): string {
  const value = requiredText(get, "image");
  if (!parseReference(value))
    throw new InputError("image", value, "a reference such as localhost:32000/acme/app@sha256:…");
  return value;
}

function matching(get: GetInput, input: string, pattern: RegExp, allowed: string): string | undefined {
  const value = text(get, input);
  if (value !== undefined && !pattern.test(value)) throw new InputError(input, value, allowed);
  return value;
}

function name(get: GetInput, input: string): string | undefined {
  return matching(get, input, objectName, "the name of a Kubernetes object");
}

function gpuResource(get: GetInput): string {
  const value = requiredText(get, "gpu-resource");
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(value)) {
    throw new InputError("gpu-resource", value, "DOMAIN/NAME such as nvidia.com/gpu");
  }
  return value;
}

function gpus(get: GetInput): "auto" | number {
  const value = get("gpus").trim();
  if (value === "auto" && !isClaimTemplate(gpuResource(get))) return "auto";
  if (value === "auto")
    throw new InputError("gpus", value, "a number where gpu-resource names a ResourceClaimTemplate");
  if (!/^\d{1,4}$/.test(value)) throw new InputError("gpus", value, "auto, or a whole number of GPUs");
  return Number(value);
}

function runAs(get: GetInput): TestPod["runAs"] {
  const value = get("run-as").trim();
  if (value === "image" || value === "nonroot") return value;
  const [, uid, gid] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(value) ?? [];
  if (uid === undefined) throw new InputError("run-as", value, "image, nonroot, or UID[:GID] in numbers");
  return { uid: Number(uid), gid: gid === undefined ? undefined : Number(gid) };
}

function toleration(line: string): Toleration {
  const match = /^([A-Za-z0-9./_-]+)(?:=([^:]*))?(?::(NoSchedule|PreferNoSchedule|NoExecute))?$/.exec(line);
  if (!match?.[1])
    throw new InputError("tolerations", line, "lines of KEY[=VALUE][:NoSchedule|PreferNoSchedule|NoExecute]");
  return { key: match[1], value: match[2], effect: match[3] as Toleration["effect"] };
}

function volume(line: string): TestVolume {
  const match = /^(pvc|configmap|secret|host|empty):([^:]*):(\/[^:]+?)(:ro)?$/.exec(line);
  const [, kind, source = "", mountPath = "", readOnly] = match ?? [];
  const isValid = kind === "empty" ? source === "" || quantity.test(source) : source !== "";
  if (!kind || !isValid)
    throw new InputError(
      "volumes",
      line,
      "lines of KIND:SOURCE:PATH[:ro], KIND pvc, configmap, secret, file, host or empty",
    );
  return { kind: kind as TestVolume["kind"], source, mountPath, readOnly: readOnly !== undefined };
}

/** A file of the project, which reaches the pod through the run's Secret. */
function isFile(line: string): boolean {
  return line.startsWith("file:");
}

function file(line: string): { readonly source: string; readonly mountPath: string } {
  const [, source = "", mountPath = ""] = /^file:([^:]+):(\/[^:]+?)(?::ro)?$/.exec(line) ?? [];
  if (source === "") throw new InputError("volumes", line, "for a file lines of file:SOURCE:PATH");
  return { source, mountPath };
}

function services(get: GetInput): readonly ServiceRequest[] {
  const value = text(get, "services");
  if (value === undefined) return [];
  const requests = parseServices("services", value);
  checkServiceVariables(requests, { env: map(get, "env"), "secret-env": secretMap(get, "secret-env") });
  return requests;
}

function patterns(get: GetInput, input: string): readonly string[] {
  const found = list(get, input);
  for (const pattern of found) {
    if (pattern.split("/").includes(".."))
      throw new InputError(input, pattern, "patterns below the working directory, without ..");
    if (pattern.split("**/").length > 2) throw new InputError(input, pattern, "patterns with at most one **/ each");
  }
  if (
    found.length > 0 &&
    get("wrap").trim().toLowerCase() === "false" &&
    found.some((pattern) => !pattern.startsWith("/gpu-ci/out"))
  ) {
    throw new InputError(
      input,
      found.join(", "),
      "with wrap: false only paths under /gpu-ci/out, for nothing else comes back",
    );
  }
  return found;
}

function podPatch(get: GetInput): Readonly<Record<string, unknown>> | undefined {
  const value = text(get, "pod-patch");
  if (value === undefined) return undefined;
  const allowed = "a YAML or JSON map with metadata or spec of a pod template";
  const parsed = parseYaml(value, allowed);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new InputError("pod-patch", value, allowed);
  const wrong = Object.keys(parsed).find((key) => key !== "metadata" && key !== "spec");
  if (wrong !== undefined) throw new InputError("pod-patch", wrong, allowed);
  return parsed as Readonly<Record<string, unknown>>;
}

function parseYaml(value: string, allowed: string): unknown {
  try {
    return parse(value);
  } catch (error) {
    throw new InputError("pod-patch", value, allowed, error instanceof Error ? error.message : String(error));
  }
}

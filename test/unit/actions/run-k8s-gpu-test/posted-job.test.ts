import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/run-k8s-gpu-test/inputs.ts";
import { type Found, toTestPod } from "../../../../actions/run-k8s-gpu-test/to-test-pod.ts";
import { testJob, testSecret } from "../../../../lib/engine/kubernetes-job.ts";
import { parseServices } from "../../../../lib/engine/service-request.ts";
import { testIdentity } from "../../../../lib/engine/test-identity.ts";
import { resolveServices } from "../../../../lib/engine/test-service.ts";
import { actionInput } from "../../../support/action-input.ts";
import { podSpecsOf, restrictedViolations } from "../../../support/pod-specs.ts";

const image = `localhost:32000/acme/app@sha256:${"a".repeat(64)}`;
const run = {
  id: "77",
  attempt: 2,
  matrix: "",
  url: "https://forge.example/acme/app/actions/runs/77",
  actor: "kim",
  repository: "acme/app",
  commit: "c0ffee",
};
const requests = parseServices("services", `{db: {image: "${image}", ports: [5432], env: {PASSWORD: "$\{random}"}}}`);

/** Job and Secret as they are posted for these inputs. */
function posted(inputs: Record<string, string> = {}) {
  const read = readInputs(actionInput("run-k8s-gpu-test", { image, command: "make test", ...inputs }));
  const services = resolveServices(requests);
  const found: Found = {
    image: { image, command: ["/bin/sh", "-c", "make test"] },
    services,
    identity: testIdentity(run, new Date("2026-01-01T00:00:00Z")),
    gpus: 1,
    masked: [],
    secretFiles: [{ mountPath: "/etc/token", content: Buffer.from("secret-of-a-file") }],
    lastCases: [],
    process: undefined,
  };
  const pod = toTestPod(read, found);
  return { job: testJob(pod), secret: testSecret(pod), generated: Object.values(services.secretEnv) };
}
const specOf = (inputs?: Record<string, string>) => {
  const { job } = posted(inputs);
  const [named] = podSpecsOf([
    { ...job, kind: "Job", apiVersion: "batch/v1" } as Parameters<typeof podSpecsOf>[0][number],
  ]);
  if (!named) throw new Error("no pod");
  return named;
};

describe("the posted Job", () => {
  it("holds no secret: not in env, command, annotations, labels or anywhere else", () => {
    const inputs = { "secret-env": "TOKEN=secret-of-the-env", results: "r.xml" };
    const { job, secret, generated } = posted(inputs);
    const text = JSON.stringify(job);
    const secrets = ["secret-of-the-env", "secret-of-a-file", ...generated];
    const forms = secrets.flatMap((value) => [value, Buffer.from(value).toString("base64")]);
    expect(forms.filter((form) => text.includes(form))).toEqual([]);
    expect(forms.filter((form) => JSON.stringify(secret.metadata).includes(form))).toEqual([]);
    expect(secret.stringData?.["env.TOKEN"]).toBe("secret-of-the-env");
    expect(secret.immutable).toBe(true);
  });

  it("passes Pod Security restricted as nonroot, and all of it but the user as the image says", () => {
    expect(restrictedViolations(specOf({ "run-as": "nonroot", results: "r.xml" }))).toEqual([]);
    expect(restrictedViolations(specOf({ results: "r.xml" }))).toEqual(["runAsNonRoot"]);
  });

  it("mounts no service account token, whatever account it names", () => {
    expect(
      [specOf(), specOf({ "service-account": "admin" })].map(({ spec }) => spec.automountServiceAccountToken),
    ).toEqual([false, false]);
  });

  it("has no host path, host network, host port or privilege, and no socket of an engine", () => {
    expect(JSON.stringify(posted({ results: "r.xml" }).job)).not.toMatch(
      /hostPath|hostNetwork|hostPID|hostIPC|hostPort|"privileged":true|docker\.sock/,
    );
  });

  it("ends by itself and is removed by the cluster, whoever has died", () => {
    const { spec } = posted({ timeout: "10m", "pending-timeout": "5m" }).job;
    expect([spec?.activeDeadlineSeconds, spec?.ttlSecondsAfterFinished]).toEqual([900 + 600, 600]);
  });

  it("carries run URL, actor and commit as annotations, on the Job and on its pod", () => {
    const { job } = posted({ "secret-env": "TOKEN=secret-of-the-env" });
    const told = {
      "gpu-ci/run-url": run.url,
      "gpu-ci/actor": "kim",
      "gpu-ci/commit": "c0ffee",
      "gpu-ci/repository": "acme/app",
    };
    expect(job.metadata?.annotations).toMatchObject(told);
    expect(job.spec?.template.metadata?.annotations).toMatchObject(told);
  });

  it("gets the job token only where the caller names it, and nothing of the step's environment", () => {
    const names = (inputs?: Record<string, string>) =>
      specOf(inputs).spec.containers[0]?.env?.map(({ name }) => name) ?? [];
    const isForeign = (name: string) => !/^(GPU_CI_|NVIDIA_|DB_)/.test(name);
    process.env.GITHUB_TOKEN = "token-of-the-job";
    try {
      expect(names().filter(isForeign)).toEqual([]);
      expect(JSON.stringify(posted())).not.toContain("token-of-the-job");
    } finally {
      delete process.env.GITHUB_TOKEN;
    }
    expect(names({ "secret-env": "GITHUB_TOKEN=given" }).filter(isForeign)).toEqual(["GITHUB_TOKEN"]);
  });
});

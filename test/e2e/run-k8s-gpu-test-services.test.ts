import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const registry = process.env.REGISTRY ?? "";
let real: RealCluster;
let image: string;
let before: readonly string[];
beforeAll(async () => {
  real = await openRealCluster("gpu-services");
  image = await pushBusyboxImage({ registry, repository: "gpu-test/busybox" });
  await using _warm = await run({}, "true");
  before = await snapshotCluster(real.cluster);
  return () => real[Symbol.asyncDispose]();
});
afterEach(async () => expect(await snapshotCluster(real.cluster)).toEqual(before));

const run = (services: object, command: string, inputs: Record<string, string> = {}) =>
  runGpuTest({
    inputs: {
      image,
      namespace: real.namespace,
      gpus: "0",
      services: Object.keys(services).length === 0 ? "" : JSON.stringify(services),
      command,
      ...inputs,
    },
  });

describe("services", () => {
  it("are ready before the test starts, are at localhost, and share a random secret with it", async () => {
    const serve = 'sleep 1; mkdir /tmp/www; echo "$TOKEN" > /tmp/www/token; exec httpd -f -p 8080 -h /tmp/www';
    const web = { image, command: serve, ports: [8080], env: { TOKEN: "$" + "{random}" } };
    const cache = { image, command: "sleep 1; touch /tmp/ready; sleep 600", health: { command: "test -e /tmp/ready" } };
    const command = 'got=$(wget -qO- http://$WEB_HOST:$WEB_PORT/token); echo "token $got"; [ "$got" = "$WEB_TOKEN" ]';
    await using result = await run({ web, cache }, command, { artifacts: "none" });
    expect([result.outputs.reason, result.console]).toEqual(["passed", "token ***\n"]);
    expect(result.host.lines.filter((line) => line.includes("is not ready yet")).length).toBeGreaterThan(0);
  });

  it("that cannot start end the run with their last words", async () => {
    const broken = { image, command: "echo the disk is full; exit 4", ports: [5432] };
    await using result = await run({ broken }, "true", { "pending-timeout": "90s" });
    expect([result.exitCode, result.outputs.reason]).toEqual([3, "container-start-failed"]);
    expect(result.outputs["reason-detail"]).toBe(
      "Service broken ends with exit code 4 and never was ready. the disk is full",
    );
  });

  it("that break while the test runs are named beside its failure", async () => {
    const web = { image, command: "sleep 3; echo gone; exit 7" };
    await using result = await run({ web }, "sleep 8; exit 1");
    expect([result.exitCode, result.outputs.reason]).toEqual([1, "test-failed"]);
    expect(result.outputs["reason-detail"]).toContain("Service web ended with exit code 7 while the test ran.");
  });

  it("that never are ready are named at pending-timeout", async () => {
    const web = { image, command: "sleep 600", health: { command: "false" } };
    await using result = await run({ web }, "true", { "pending-timeout": "4s" });
    expect([result.exitCode, result.outputs.reason]).toEqual([3, "pending-timeout"]);
    expect(result.outputs["reason-detail"]).toContain("service web runs and is not ready yet");
  });
});

import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { runGpuTest } from "../support/gpu-test-run.ts";
import { startPodman } from "../support/podman.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

let real: RealCluster;
let image: string;
let podmanEnv: NodeJS.ProcessEnv;
beforeAll(async () => {
  real = await openRealCluster("gpu-engines");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  const podman = await startPodman();
  podmanEnv = podman.deps.env;
  return async () => {
    await podman[Symbol.asyncDispose]();
    await real[Symbol.asyncDispose]();
  };
});

const suite = `<testsuite name=\\"s\\"><testcase name=\\"adds\\" classname=\\"c\\"/><testcase name=\\"gpu adds\\"><skipped/></testcase></testsuite>`;
const random = "$" + "{random}";

/** What both engines can know of a run; names, times and the machine are each one's own. */
async function reportOf(engine: "kubernetes" | "podman", command: string, inputs: Record<string, string> = {}) {
  const serve = 'mkdir /tmp/www; echo "$TOKEN" > /tmp/www/token; exec httpd -f -p 8080 -h /tmp/www';
  const services = JSON.stringify({ web: { image, command: serve, ports: [8080], env: { TOKEN: random } } });
  const common = {
    image,
    namespace: real.namespace,
    gpus: "0",
    engine,
    services,
    results: "r.xml",
    artifacts: "log.txt",
  };
  await using result = await runGpuTest({
    inputs: { ...common, command, ...inputs },
    ...(engine === "podman" ? { env: podmanEnv } : {}),
  });
  const report = JSON.parse(await readFile(result.outputs.report ?? "", "utf8")) as Record<string, unknown>;
  const own = ["engine", "jobName", "podName", "node", "startedAt", "queueMs", "pullMs", "runMs"];
  const log = await readFile(result.outputs["log-file"] ?? "", "utf8");
  const shared = Object.fromEntries(Object.entries(report).filter(([key]) => !own.includes(key)));
  return { keys: Object.keys(report).toSorted(), report: shared, exitCode: result.exitCode, log };
}

describe("the two engines", () => {
  it.each([
    [
      "a test that passes",
      `wget -qO- http://$WEB_HOST:$WEB_PORT/token; echo "${suite}" > r.xml; echo kept > log.txt`,
      {},
    ],
    ["a test that fails", `echo "${suite}" > r.xml; echo broken; exit 3`, {}],
    ["a test that is too slow", `echo "${suite}" > r.xml; sleep 600`, { timeout: "3s" }],
    [
      "a service that never is ready",
      "true",
      { services: "web: {image: IMAGE, command: echo full; exit 4, ports: [1]}" },
    ],
  ])("give the same report of %s", async (_what, command, inputs: Record<string, string>) => {
    const given = Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [name, value.replace("IMAGE", image)]),
    );
    const onCluster = await reportOf("kubernetes", command, given);
    const onMachine = await reportOf("podman", command, given);
    expect(onMachine).toEqual(onCluster);
  });
});

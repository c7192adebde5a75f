// A file of 1 GB out of a pod beside `kubectl cp`, interleaved, and over connections that are cut (goal P28): npm run bench:collect [-- --rounds N --size-mb N --cuts N]
// Needs KUBECONFIG and REGISTRY, and kubectl on PATH.
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { collectFiles } from "../../lib/engine/kubernetes-collect.ts";
import { collectorScript } from "../../lib/engine/kubernetes-collector-script.ts";
import { collectorContainer } from "../../lib/engine/kubernetes-container.ts";
import { addressesOf, type PodAddresses } from "../../lib/engine/kubernetes-pod-state.ts";
import { CommandError, exec } from "../../lib/exec.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { createObject, getObject } from "../../lib/kubernetes/object.ts";
import { pods } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { openRealCluster } from "../support/real-cluster.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { noteCircumstances } from "./circumstances.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    "size-mb": { type: "string", default: "1000" },
    cuts: { type: "string", default: "3" },
  },
});
const [rounds, sizeMb, cuts] = [Number(values.rounds), Number(values["size-mb"]), Number(values.cuts)];
const pod = "collected";

const circumstances = noteCircumstances();
await using real = await openRealCluster("bench-collect");
const sha256 = await startCollector();
let brokenCopies = 0;
const addresses = addressesOf((await getObject(real.cluster, pods, pod)) ?? {});
const times = { ours: [] as number[], proxied: [] as number[], kubectl: [] as number[] };
const ways = [
  async () => times.ours.push(await inFolder((folder) => timed(() => collect(real.cluster, folder, addresses)))),
  async () => times.proxied.push(await inFolder((folder) => timed(() => collect(real.cluster, folder)))),
  async () => times.kubectl.push(await timeCopy()),
];
for (let round = 0; round < rounds; round++) {
  // Each begins in turn: memory that the one before has just freed is had sooner than what a virtual machine gave back to its host.
  for (const at of ways.keys()) await ways[(round + at) % ways.length]?.();
}
const cutRuns = [];
for (let run = 0; run < cuts; run++) cutRuns.push(await inFolder(collectOverCuts));

const ratioOf = (ours: readonly number[]) => Math.round((100 * median(ours)) / median(times.kubectl)) / 100;
const ratio = ratioOf(times.ours);
const result = {
  ...circumstances(),
  versions: { node: process.version, kubectl: await kubectlVersion() },
  sizeMb,
  // From the pod itself, for this machine is its node; and as another machine has it, through the API server.
  ratio,
  proxiedRatio: ratioOf(times.proxied),
  limit: 0.5,
  ms: times,
  brokenCopies,
  cuts: { runs: cutRuns.length, exact: cutRuns.filter((isExact) => isExact).length },
};
writeFileSync(join(import.meta.dirname, "collect.json"), `${JSON.stringify(result, undefined, 2)}\n`);
console.log(JSON.stringify(result, undefined, 2));
const isMissed = ratio > result.limit || result.cuts.exact < cuts;
process.exitCode = isMissed && !result.isVoid ? 1 : 0;

/** Starts a pod as a test leaves it when it has just ended; gives the sum of its one file, which no compression makes smaller. */
async function startCollector(): Promise<string> {
  const make = [
    "mkdir -p /gpu-ci/bin /gpu-ci/control /gpu-ci/out/results",
    'printf %s "$SCRIPT" >/gpu-ci/bin/collect',
    `head -c ${sizeMb}000000 /dev/urandom >/gpu-ci/out/results/big`,
    ": >/gpu-ci/control/done",
    "sleep 3600",
  ].join(" && ");
  // openssl as in images with Debian's ca-certificates: with busybox' own sha256sum the checksums would be what is measured.
  const image = await pushBusyboxImage({
    registry: process.env.REGISTRY ?? "",
    repository: "bench/busybox",
    programs: ["/usr/bin/openssl"],
  });
  const env = [{ name: "SCRIPT", value: collectorScript.replaceAll("$", "$$$$") }];
  const container = { name: collectorContainer, image, command: ["/bin/sh", "-c", make], env };
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
  await createObject(real.cluster, pods, { metadata: { name: pod }, spec });
  await real.waitForPod(pod, ({ status }) => status?.phase === "Running");
  const wait = "while [ ! -e /gpu-ci/control/done ]; do sleep 1; done; sha256sum </gpu-ci/out/results/big";
  const { stdout } = await exec("kubectl", ["-n", real.namespace, "exec", pod, "--", "/bin/sh", "-c", wait]);
  return stdout.slice(0, 64);
}

/** Gives the path of the file that came back. */
async function collect(cluster: Cluster, directory: string, addresses?: PodAddresses): Promise<string> {
  const { signal } = new AbortController();
  const [file] = await collectFiles({
    cluster,
    pod,
    addresses,
    directory,
    log: silentLog,
    signal,
    hasEnded: () => false,
  });
  return join(directory, file?.path ?? "nothing came back");
}

async function copy(directory: string): Promise<string> {
  await exec("kubectl", ["-n", real.namespace, "cp", `${pod}:/gpu-ci/out`, directory]);
  return join(directory, "results/big");
}

/** `kubectl cp` itself breaks off now and then ("unexpected EOF"); only a whole copy has a time. */
async function timeCopy(): Promise<number> {
  for (;;) {
    try {
      return await inFolder((folder) => timed(() => copy(folder)));
    } catch (error) {
      if (!(error instanceof CommandError) || ++brokenCopies > rounds) throw error;
    }
  }
}

/** Two connections are reset somewhere in the file; the third one may give all of it. */
async function collectOverCuts(directory: string): Promise<boolean> {
  let connections = 0;
  const cutAfter = () => (++connections > 2 ? undefined : Math.floor(Math.random() * sizeMb * 1e6));
  await using proxy = await startTcpProxy(real.api, cutAfter);
  const cluster = await real.connect({ cluster: { server: `https://127.0.0.1:${proxy.port}` } });
  try {
    return await isExact(await collect(cluster, directory));
  } finally {
    cluster.close();
  }
}

/** Milliseconds; what came back must be what the pod has, which is looked at when the clock has stopped. */
async function timed(work: () => Promise<string>): Promise<number> {
  const startedAt = performance.now();
  const path = await work();
  const ms = Math.round(performance.now() - startedAt);
  if (!(await isExact(path))) throw new Error("The file that came back differs from the pod's.");
  return ms;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "gpu-ci-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function isExact(path: string): Promise<boolean> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex") === sha256;
}

async function kubectlVersion(): Promise<string> {
  const { stdout } = await exec("kubectl", ["version", "--client"]);
  return stdout.split("\n")[0] ?? "";
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

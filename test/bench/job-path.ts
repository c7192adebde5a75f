import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { copyOfTree, type JobScene, nowSeconds, runStep } from "./job-scene.ts";
import { median, rounded } from "./statistics.ts";

/** Seconds of one way from a commit to its verdict. */
export interface PathTimes {
  /** From the start until the test's process ran. */
  readonly process: number;
  /** From the end of the test's process until the verdict was known. */
  readonly noticed: number;
  /** From the start until the verdict was known, less the test's own time. */
  readonly overhead: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** One commit, tested once by both. */
export interface PathRound {
  readonly ours: PathTimes;
  readonly peer: PathTimes;
}

/** The bars of the peer itself: one that misses them runs on a machine too busy to compare on. */
const peerBars = { process: 1.8, noticed: 3 } as const;

/**
 * Runs the shell script `peer` and the two actions that do the same (build-source-image, run-k8s-gpu-test) in turns on the same commits.
 * Ours has the verdict only when its process has ended, the Job is removed and every output is written; the peer's clock stops before that.
 */
export async function comparePaths(scene: JobScene, peer: string, rounds: number) {
  await promisify(execFile)("buildah", ["--storage-driver", "overlay", "pull", "--tls-verify=false", "-q", scene.base]);
  const measured: PathRound[] = [];
  // The first round warms what both use, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    await scene.project.write("src/round.txt", `${round} ${Date.now()}\n`);
    await scene.project.commit(`Round ${round}`);
    // The kubelet looks at its containers once a second: tests of several lengths end at all moments between.
    const testSeconds = 0.5 + ((round * 0.37) % 1);
    const isOursFirst = round % 2 === 0;
    const first = isOursFirst ? await oursOnce(scene, round, testSeconds) : await peerOnce(scene, peer, testSeconds);
    const second = isOursFirst ? await peerOnce(scene, peer, testSeconds) : await oursOnce(scene, round, testSeconds);
    if (round > 0) measured.push(isOursFirst ? { ours: first, peer: second } : { ours: second, peer: first });
  }
  return summaryOf(measured);
}

function summaryOf(rounds: readonly PathRound[]) {
  const of = (who: keyof PathRound, what: keyof typeof peerBars | "overhead") =>
    rounds.map((round) => round[who][what]);
  const medians = (who: keyof PathRound) => ({
    process: rounded(median(of(who, "process")), 3),
    noticed: rounded(median(of(who, "noticed")), 3),
    overhead: rounded(median(of(who, "overhead")), 3),
  });
  const ratio = (what: "process" | "noticed" | "overhead") =>
    rounded(median(of("ours", what).map((seconds, at) => seconds / (of("peer", what)[at] ?? Number.NaN))), 3);
  const peer = medians("peer");
  return {
    isVoid: peer.process > peerBars.process || peer.noticed > peerBars.noticed,
    ratio: { process: ratio("process"), noticed: ratio("noticed"), overhead: ratio("overhead") },
    medianSeconds: { ours: medians("ours"), peer },
    rounds,
  };
}

async function oursOnce(scene: JobScene, round: number, testSeconds: number): Promise<PathTimes> {
  const { project, base, real } = scene;
  const cwd = project.path;
  const run = `path-${process.pid}-${round}`;
  const startedAt = nowSeconds();
  const built = await runStep({ action: "build-source-image", inputs: { base }, run, cwd });
  const builtAt = nowSeconds();
  const seen = new Map<string, number>();
  const onOutput = (text: string) => {
    for (const words of ["Engine:", "Starting", "runs on node", "started=", "ended=", "The test ended", "Verdict:"])
      if (text.includes(words) && !seen.has(words)) seen.set(words, nowSeconds());
  };
  const image = built.outputs["pull-ref"] ?? "";
  const command = `date +started=%s.%N; sh test.sh ${testSeconds}; code=$?; date +ended=%s.%N; exit $code`;
  const inputs = { image, command, gpus: "1", namespace: real.namespace };
  const { stdout } = await runStep({ action: "run-k8s-gpu-test", inputs, run, cwd, onOutput });
  const exitedAt = nowSeconds();
  const [processAt, endedAt] = stampsOf(stdout);
  const after = [...seen].map(([words, at]) => [words, at - startedAt]);
  return timesOf({
    process: processAt - startedAt,
    noticed: exitedAt - endedAt,
    overhead: exitedAt - startedAt - (endedAt - processAt),
    parts: {
      image: builtAt - startedAt,
      end: endedAt - startedAt,
      ...Object.fromEntries(after),
      exit: exitedAt - startedAt,
    },
  });
}

async function peerOnce({ project, base }: JobScene, peer: string, testSeconds: number): Promise<PathTimes> {
  await using tree = await copyOfTree(project);
  const { stdout } = await promisify(execFile)(peer, [base, tree.path, "sh", "test.sh", String(testSeconds)]);
  await forgetImages();
  const { layer, push, process, noticed, total } = JSON.parse(stdout) as Record<string, number>;
  if (
    layer === undefined ||
    push === undefined ||
    process === undefined ||
    noticed === undefined ||
    total === undefined
  )
    throw new Error(`${peer} printed ${stdout}`);
  return { process, noticed, overhead: process + noticed, parts: { layer, push, total } };
}

/** Images of earlier rounds would fill buildah's storage. */
async function forgetImages(): Promise<void> {
  const buildah = (...args: string[]) => promisify(execFile)("buildah", ["--storage-driver", "overlay", ...args]);
  const { stdout } = await buildah("images", "--format", "{{.Name}}:{{.Tag}}", "--filter", "reference=shell-peer");
  const names = stdout.split("\n").filter((name) => name.includes("/shell-peer:"));
  if (names.length > 0) await buildah("rmi", ...names);
}

function stampsOf(output: string): [started: number, ended: number] {
  const [started, ended] = ["started", "ended"].map((name) =>
    Number(new RegExp(`^${name}=([\\d.]+)$`, "m").exec(output)?.[1]),
  );
  if (!started || !ended) throw new Error(`The test's stamps are missing:\n${output}`);
  return [started, ended];
}

function timesOf(times: PathTimes): PathTimes {
  const parts = Object.fromEntries(Object.entries(times.parts).map(([name, value]) => [name, rounded(value, 3)]));
  const { process, noticed, overhead } = times;
  return { process: rounded(process, 3), noticed: rounded(noticed, 3), overhead: rounded(overhead, 3), parts };
}

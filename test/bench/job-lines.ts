import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { type Benched, nowSeconds, runStep } from "./job-scene.ts";
import { median, quantile, rounded } from "./statistics.ts";

/** P23: from the moment that a test wrote a line until our standard output has it, on an idle machine and beside a busy process on each core. */
export async function measureLines(benched: Benched, lines: number) {
  const idle = await followLines(benched, lines, "idle");
  const burners = Array.from({ length: availableParallelism() }, () => spawn("sh", ["-c", "while :; do :; done"]));
  try {
    return { idle, busy: await followLines(benched, lines, "busy") };
  } finally {
    for (const burner of burners) {
      burner.kill("SIGKILL");
      await once(burner, "exit");
    }
  }
}

async function followLines({ scene, image }: Benched, lines: number, run: string) {
  const lagsMs: number[] = [];
  let rest = "";
  const onOutput = (text: string) => {
    const now = nowSeconds();
    const complete = (rest + text).split("\n");
    rest = complete.pop() ?? "";
    for (const line of complete) {
      const writtenAt = Number(/^line=([\d.]+)$/.exec(line)?.[1]);
      if (writtenAt) lagsMs.push((now - writtenAt) * 1000);
    }
  };
  const command = `i=0; while [ $i -lt ${lines} ]; do date +line=%s.%N; sleep 0.05; i=$((i + 1)); done`;
  const inputs = { image, namespace: scene.real.namespace, command, gpus: "0" };
  await runStep({
    action: "run-k8s-gpu-test",
    inputs,
    run: `lines-${process.pid}-${run}`,
    cwd: scene.project.path,
    onOutput,
  });
  // The first lines were written before anybody could have asked for them.
  const later = lagsMs.slice(20);
  if (lagsMs.length !== lines) throw new Error(`${lagsMs.length} of ${lines} lines came.`);
  return {
    lines,
    p50Ms: rounded(median(later)),
    p99Ms: rounded(quantile(later, 0.99)),
    maxMs: rounded(quantile(later, 1)),
  };
}

import { watchAuditLog } from "./job-requests.ts";
import type { Benched } from "./job-scene.ts";
import { runStep } from "./job-scene.ts";
import { median, quantile, rounded } from "./statistics.ts";

/** Prints when run() of lib/action began: the moment at which it begins to listen for SIGINT. */
const preload = `process.on("newListener", (name) => {
  if (name === "SIGINT") process.stderr.write("main=" + (performance.timeOrigin + performance.now()) / 1000 + "\\n");
});`;

/** P20 and P22: what one Job asks of the API server, and how long it takes from main() until the Job has reached it. */
export async function measureStarts({ scene, image }: Benched, auditLog: string, rounds: number) {
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}` };
  const toPostMs: number[] = [];
  const requests: { main: string[]; post: string[] }[] = [];
  for (let round = 0; round < rounds; round++) {
    const step = {
      action: "run-k8s-gpu-test",
      inputs: { image, namespace: scene.real.namespace, command: "sleep 1", gpus: "1" },
      run: `start-${process.pid}-${round}`,
      cwd: scene.project.path,
    };
    const audit = watchAuditLog(auditLog);
    const { stderr, state } = await runStep({ ...step, env });
    const main = await audit.requestsIn(scene.real.namespace);
    await runStep({ ...step, phase: "post", state });
    const all = await audit.requestsIn(scene.real.namespace);
    requests.push({ main: main.map(({ what }) => what), post: all.slice(main.length).map(({ what }) => what) });
    const mainAt = Number(/^main=([\d.]+)$/m.exec(stderr)?.[1]);
    const postAt = main.find(({ what }) => what === "create jobs")?.receivedAt ?? Number.NaN;
    toPostMs.push((postAt - mainAt) * 1000);
  }
  return {
    P20: {
      requests: Math.max(...requests.map(({ main }) => main.length)),
      withPostStep: Math.max(...requests.map(({ main, post }) => main.length + post.length)),
      first: requests[0],
    },
    P22: { medianMs: rounded(median(toPostMs)), maxMs: rounded(quantile(toPostMs, 1)), rounds },
  };
}

// The reader of log-relay.ts, a process of its own: is told what to do in JSON on stdin, shows the log on stdout and says on stderr what that took.
import { readFileSync } from "node:fs";
import https from "node:https";
import { relayLog } from "../../actions/run-k8s-gpu-test/relay-log.ts";
import { createSharedConsole } from "../../actions/run-k8s-gpu-test/shared-console.ts";
import { followPodLog } from "../../lib/kubernetes/pod-log.ts";
import { createTransport } from "../../lib/kubernetes/transport.ts";
import { silentLog } from "../../lib/log.ts";
import { logs } from "./log-corpus.ts";

const { what, name, sumBytes, server, ca, file, secrets } = JSON.parse(readFileSync(0, "utf8"));
const write = (bytes: Uint8Array) =>
  new Promise<void>((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
const screen = createSharedConsole(secrets, { console: write, env: { GITHUB_ACTIONS: "true" } });
// What the first bytes cost once, such as reading the program, is not what is measured.
await relayLog({ log: repeat(1e6), file, secrets, console: screen.shard("") });
const baseMb = process.memoryUsage().rss / 1e6;
const cpu = process.cpuUsage();
const startedAt = performance.now();
await relayLog({ log: what === "path" ? follow() : repeat(sumBytes), file, secrets, console: screen.shard("") });
await screen.end();
const used = process.cpuUsage(cpu);
process.stderr.write(
  JSON.stringify({
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (used.user + used.system) / 1e6,
    baseMb,
    peakMb: (process.resourceUsage().maxRSS * 1024) / 1e6,
  }),
);

/** The log as it is in memory: the relay's own cost. */
async function* repeat(limitBytes: number) {
  const text = logs[name] ?? "";
  const block = Buffer.from(text.repeat(Math.ceil(65_536 / text.length))).subarray(0, 65_536);
  for (let bytes = 0; bytes < limitBytes; bytes += block.length) yield block;
}

/** The log as an API server gives it; without KubeConfig, most of whose code no bundle holds. */
async function* follow() {
  const agent = new https.Agent({ keepAlive: true, ca });
  const authorize = async () => ({ agent, headers: {}, tls: {} });
  const close = () => agent.destroy();
  const transport = createTransport({ server, log: silentLog, awayBudgetMs: 10_000, authorize, close });
  const { signal } = new AbortController();
  const cluster = { ...transport, namespace: "team" };
  const follower = followPodLog(cluster, { pod: "test", container: "test", signal, ended: () => true });
  yield* follower;
  if (!follower.complete()) throw new Error(follower.gap());
  transport.close();
}

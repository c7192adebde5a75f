// What compression costs and gains: npm run bench:push:compression [-- --rounds N --size-mb N --regime TEXT]
// P10: `auto` beside each fixed choice over three links; P2: push and pull with unpacking beside skopeo's default. Image: this machine's files, not compressed.
// Every push goes to a registry with an empty folder, by a process of its own with an empty cache; what it left there is read and hashed. Needs root for its links.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exec } from "../../lib/exec.ts";
import { holdsImage } from "../faults/registry-judge.ts";
import { type PushOrder, type PushTool, pushTools, runTool } from "../faults/registry-tools.ts";
import { startPodman } from "../support/podman.ts";
import { startRegistry } from "../support/registry.ts";
import { type LinkShape, openShapedLink } from "../support/shaped-link.ts";
import { noteCircumstances } from "./circumstances.ts";
import { type ProcessUse, watchProcess } from "./process-use.ts";
import { writePlainImage } from "./push-layout.ts";
import { median, rounded } from "./statistics.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    "size-mb": { type: "string", default: "384" },
    regime: { type: "string", default: "" },
  },
});
const rounds = Number(values.rounds);
const sizeMb = Number(values["size-mb"]);
const methods = ["auto", "none", "zstd", "gzip"] as const;
type Method = (typeof methods)[number];
const regimes: Readonly<Record<string, LinkShape | undefined>> = {
  loopback: undefined,
  "1 Gbit/s, 1 ms": { megabitsPerSecond: 1000, roundTripMs: 1 },
  "100 Mbit/s, 20 ms": { megabitsPerSecond: 100, roundTripMs: 20 },
};
const tools = pushTools("dist/main/index.js");
const ours = tools[0]!;
const skopeoCopy = ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false"];
const skopeo: PushTool = {
  ...tools[2]!,
  command: ({ host, repository, layout }, folder) => ({
    args: [...skopeoCopy, `oci:${layout}`, `docker://${host}/${repository}:1`],
    env: { PATH: process.env.PATH, HOME: folder },
  }),
};

const circumstances = noteCircumstances();
await using image = await writePlainImage(sizeMb);
const P10: Record<string, Awaited<ReturnType<typeof compareMethods>>> = {};
for (const [name, shape] of Object.entries(regimes)) {
  if (name.includes(values.regime)) P10[name] = await compareMethods(shape);
}
const P2 = await comparePushAndPull();
const P7 = await useOf("zstd");
const figures = {
  versions: { "gpu-ci": ours.version, skopeo: skopeo.version },
  sizeMb,
  rounds,
  P10,
  P2,
  P7,
};
const result = { ...circumstances(), ...figures };
writeFileSync(join(import.meta.dirname, "push-compression.json"), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
const broken = [
  ...Object.entries(P10).map(([name, { ratio }]) => ratio > 1.1 && `P10: ${ratio} of the best choice over ${name}`),
  P2.ratio > 0.6 && `P2: ${P2.ratio} of skopeo's push and the same pull`,
  P7.peakMb > 150 && "P7: more than 150 MB",
].filter(Boolean);
for (const line of broken) console.error(result.isVoid ? `${line} (the machine was busy)` : line);
process.exitCode = broken.length > 0 && !result.isVoid ? 1 : 0;

/** Wall time of a push by each method, interleaved; the ratio is of `auto` to the best of the others. */
async function compareMethods(shape: LinkShape | undefined) {
  const seconds: Record<Method, number[]> = { auto: [], none: [], zstd: [], gzip: [] };
  const choices = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    // Who goes first changes: the second one finds what the first one warmed.
    const order = methods.map((_method, at) => methods[(at + round) % methods.length]!);
    for (const method of order) {
      const { ms, output } = await timeFirstPush(method, shape);
      seconds[method].push(rounded(ms / 1000, 2));
      if (method === "auto") choices.add(/Layers go .*/.exec(output)?.[0] ?? "");
    }
  }
  const { auto, ...fixed } = seconds;
  const best = Math.min(...Object.values(fixed).map(median));
  return { ratio: rounded(median(auto) / best, 2), choices: [...choices], seconds };
}

async function timeFirstPush(compression: Method, shape: LinkShape | undefined) {
  await using registry = await startRegistry();
  await using link = shape && (await openShapedLink(registry.host, shape));
  const tool: PushTool = {
    ...ours,
    command: (order, folder) => {
      const { args, env } = ours.command(order, folder);
      return { args: [...(link?.command ?? []), ...args], env };
    },
  };
  const run = await push(tool, { host: link?.host ?? registry.host, compression, isInsecure: true });
  if (!(await holdsImage(registry.host))) throw new Error(`${compression} left an image that is not whole.`);
  return run;
}

/** What a user waits for: the push, and the pull with its unpacking, which podman does. */
async function comparePushAndPull() {
  const seconds = { "gpu-ci": [] as number[], skopeo: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const tool of round % 2 === 0 ? [ours, skopeo] : [skopeo, ours]) {
      await using registry = await startRegistry();
      await using podman = await startPodman();
      const { ms } = await push(tool, { host: registry.host });
      const startedAt = performance.now();
      const args = ["pull", "--quiet", "--tls-verify=false", `${registry.host}/acme/base:1`];
      await exec("podman", args, { env: podman.deps.env });
      const sum = ms + performance.now() - startedAt;
      seconds[tool === ours ? "gpu-ci" : "skopeo"].push(rounded(sum / 1000, 2));
    }
  }
  const ratios = seconds["gpu-ci"].map((value, at) => value / (seconds.skopeo[at] ?? Number.NaN));
  return { ratio: rounded(median(ratios), 2), seconds };
}

async function useOf(compression: Method): Promise<ProcessUse> {
  await using registry = await startRegistry();
  let use: Promise<ProcessUse> | undefined;
  await push(ours, { host: registry.host, compression }, (pid) => {
    use = watchProcess(pid);
  });
  if (!use) throw new Error("It did not start.");
  return use;
}

async function push(tool: PushTool, order: Partial<PushOrder>, onStart?: (pid: number) => void) {
  const whole = { host: "", repository: "acme/base", layout: image.layout, isInsecure: true, verify: "size" as const };
  const run = await runTool(tool, { ...whole, ...order }, { limitMs: 300_000, ...(onStart ? { onStart } : {}) });
  if (run.exitCode !== 0) throw new Error(`${tool.name} failed: ${run.output}`);
  return { ms: run.durationMs, output: run.output };
}

// A push of a precompressed OCI layout beside crane's, interleaved, and what a second push costs: npm run bench:push [-- --rounds N --size-mb N]
// Each timed run is a process of its own against a registry with an empty folder, and what it left there is read and hashed. Ours is the action's bundle (npm run build).
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { holdsImage } from "../faults/registry-judge.ts";
import { type PushOrder, type PushTool, pushTools, runTool } from "../faults/registry-tools.ts";
import { startRegistry } from "../support/registry.ts";
import { kindOf, startRegistryProxy } from "../support/registry-proxy.ts";
import { noteCircumstances } from "./circumstances.ts";
import { type ProcessUse, watchProcess } from "./process-use.ts";
import { type BenchImage, writeBenchImage } from "./push-layout.ts";

const limitMs = 60_000;
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "9" }, "size-mb": { type: "string", default: "1000" } },
});
const rounds = Number(values.rounds);
const sizeMb = Number(values["size-mb"]);
// There a start is what is compared: node's own is 3 % of it.
const smallMb = 256;
const bundle = join(import.meta.dirname, "../../actions/push-local-registry/dist/main/index.js");
if (!existsSync(bundle)) throw new Error("There is no bundle of push-local-registry; run: npm run build");
const [ours, crane] = pushTools("dist/main/index.js");
if (!ours || !crane) throw new Error("Two tools are compared.");

const circumstances = noteCircumstances();
await using image = await writeBenchImage(sizeMb);
await using changed = await writeBenchImage(sizeMb, true);
await using small = await writeBenchImage(smallMb);
const first = await compareFirstPushes(image);
const uses = { "gpu-ci": await useOf(ours), crane: await useOf(crane) };
const result = {
  ...circumstances(),
  versions: Object.fromEntries([ours, crane].map(({ name, version }) => [name, version])),
  sizeMb,
  rounds,
  P1: first,
  small: { sizeMb: smallMb, ...(await compareFirstPushes(small)) },
  P7: uses,
  ...(await laterPushes()),
};
writeFileSync(join(import.meta.dirname, "push.json"), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
const { P3, P4, P5 } = result;
const broken = [
  first.ratio > 1.03 && "P1: slower than 1.03 of crane",
  P3.requestsVerifyNone > 2 && "P3: more than two requests",
  P3.ms > 150 && "P3: more than 150 ms",
  P4.blobMb > sizeMb * 0.021 && "P4: more than the changed layer",
  P5.blobMb > 0 && "P5: blobs were sent again",
  uses["gpu-ci"].peakMb > 150 && "P7: more than 150 MB",
].filter(Boolean);
for (const line of broken) console.error(result.isVoid ? `${line} (the machine was busy)` : line);
process.exitCode = broken.length > 0 && !result.isVoid ? 1 : 0;

async function compareFirstPushes(image: BenchImage) {
  const times = new Map<PushTool, number[]>([ours!, crane!].map((tool) => [tool, []]));
  for (let round = 0; round < rounds; round++) {
    // Who goes first changes: the second one finds what the first one warmed.
    const order = round % 2 === 0 ? [ours!, crane!] : [crane!, ours!];
    for (const tool of order) times.get(tool)?.push(await timeFirstPush(tool, image));
  }
  const [oursMs, craneMs] = [times.get(ours!) ?? [], times.get(crane!) ?? []];
  const ratios = oursMs.map((ms, at) => ms / (craneMs[at] ?? Number.NaN));
  return { ratio: round2(median(ratios)), ms: { "gpu-ci": summary(oursMs), crane: summary(craneMs) } };
}

async function timeFirstPush(tool: PushTool, image: BenchImage): Promise<number> {
  await using registry = await startRegistry();
  const ms = await push(tool, { host: registry.host, layout: image.layout });
  if (!(await holdsImage(registry.host, image))) throw new Error(`${tool.name} left an image that is not whole.`);
  return ms;
}

async function useOf(tool: PushTool): Promise<ProcessUse> {
  await using registry = await startRegistry();
  let use: Promise<ProcessUse> | undefined;
  await push(tool, { host: registry.host }, (pid) => {
    use = watchProcess(pid);
  });
  if (!use) throw new Error(`${tool.name} did not start.`);
  return use;
}

async function laterPushes() {
  await using registry = await startRegistry();
  await push(ours!, { host: registry.host });
  const again: Record<string, number[]> = { "gpu-ci": [], crane: [] };
  for (let round = 0; round < rounds; round++) {
    for (const tool of [ours!, crane!]) again[tool.name]?.push(await push(tool, { host: registry.host }));
  }
  const seen = (order: Partial<PushOrder>) => pushSeen(registry.host, order);
  return {
    P3: {
      ms: median(again["gpu-ci"] ?? []),
      craneMs: median(again.crane ?? []),
      requestsVerifyNone: (await seen({ verify: "none" })).requests,
      requestsVerifySize: (await seen({})).requests,
    },
    P4: await seen({ layout: changed.layout }),
    P5: await seen({ repository: "acme/other" }),
  };
}

async function pushSeen(host: string, order: Partial<PushOrder>) {
  await using proxy = await startRegistryProxy(host);
  await push(ours!, { host: proxy.host, ...order });
  const uploads = proxy.requests.filter((request) => kindOf(request) === "upload");
  const bytes = uploads.reduce((sum, request) => sum + request.bytes, 0);
  return { requests: proxy.requests.length, blobMb: Math.round(bytes / 1e4) / 100 };
}

async function push(tool: PushTool, order: Partial<PushOrder>, onStart?: (pid: number) => void): Promise<number> {
  const whole = { host: "", repository: "acme/base", layout: image.layout, isInsecure: true, verify: "size" as const };
  const run = await runTool(tool, { ...whole, ...order }, { limitMs, ...(onStart ? { onStart } : {}) });
  if (run.exitCode !== 0) throw new Error(`${tool.name} failed: ${run.output}`);
  return run.durationMs;
}

function summary(times: readonly number[]) {
  return { median: Math.round(median(times)), all: times.map(Math.round) };
}

function median(numbers: readonly number[]): number {
  return Math.round([...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]! * 1000) / 1000;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

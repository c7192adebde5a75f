// What is sent twice when the connection breaks in a large blob (P8), beside crane and skopeo: npm run bench:push:resume [-- --blob-mb N]
// Bytes are counted at a proxy before the registry, which cuts at 80 % of the blob, once: what lay in the sockets' buffers then, nobody saw, and it is not counted.
// What is in the registry afterwards is read and hashed.
// Ours is the action's bundle (npm run build). Bytes do not depend on what else the machine does; seconds do.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededBytes } from "../faults/fault-scene.ts";
import { holdsImage } from "../faults/registry-judge.ts";
import { type PushTool, pushTools, runTool } from "../faults/registry-tools.ts";
import { writeLayout } from "../support/image-layout.ts";
import { startRegistry } from "../support/registry.ts";
import { type SeenRequest, startRegistryProxy } from "../support/registry-proxy.ts";
import { startSessionRegistry } from "../support/session-registry.ts";
import { noteCircumstances } from "./circumstances.ts";

/** One push: what was sent twice of the large blob and of all others, or how it failed. */
type Outcome = { readonly seconds: number } & (
  | { readonly isWhole: boolean; readonly resentMb: number; readonly otherResentMb: number }
  | { readonly isWhole: false; readonly failure: string }
);

const limitMs = 600_000;
const smallBytes = 20e6;
const { values } = parseArgs({ options: { "blob-mb": { type: "string", default: "1000" } } });
const blobBytes = Number(values["blob-mb"]) * 1e6;
const cutBytes = 0.8 * blobBytes;
if (!existsSync(join(import.meta.dirname, "../../actions/push-local-registry/dist/main/index.js")))
  throw new Error("There is no bundle of push-local-registry; run: npm run build");

const circumstances = noteCircumstances();
const layout = await mkdtemp(join(tmpdir(), "gpu-ci-bench-"));
await using _removed = { [Symbol.asyncDispose]: () => rm(layout, { recursive: true, force: true }) };
// Small ones beside it: what is whole has to stay so. They say that they are compressed, so that nobody makes others of them.
const { digest } = await writeLayout(layout, {
  layers: layersOf([blobBytes, smallBytes, smallBytes]),
  compression: "zstd",
});

const tools = pushTools("dist/main/index.js");
const figures = {
  versions: {
    ...Object.fromEntries(tools.map(({ name, version }) => [name, version])),
    "docker-registry": firstLine("docker-registry", "--version"),
  },
  blobMb: blobBytes / 1e6,
  cutAt: cutBytes / blobBytes,
  P8: { keepsSession: await pushAll(toSessionRegistry), dockerRegistry: await pushAll(toDockerRegistry) },
  P9: "Not measured: a blob whose size is known goes in one PUT, and there is no path in chunks of 64 MiB whose cost could be compared with it. A PATCH carries what follows a cut, in one piece.",
};
const result = { ...circumstances(), ...figures };
writeFileSync(join(import.meta.dirname, "push-resume.json"), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
const { keepsSession, dockerRegistry } = result.P8;
const broken = [
  ...judge("keeps the session", keepsSession["gpu-ci"], 67),
  ...judge("docker-registry", dockerRegistry["gpu-ci"], result.blobMb),
];
for (const line of broken) console.error(line);
process.exitCode = broken.length > 0 ? 1 : 0;

function judge(registry: string, outcome: Outcome | undefined, mostMb: number): string[] {
  if (!outcome?.isWhole) return [`P8, ${registry}: the image is not whole`];
  const lines = [
    outcome.resentMb > mostMb && `P8, ${registry}: ${outcome.resentMb} MB of the cut blob were sent again`,
    outcome.otherResentMb > 0 && `P8, ${registry}: ${outcome.otherResentMb} MB of other blobs were sent again`,
  ];
  return lines.filter((line) => line !== false);
}

function* layersOf(sizes: readonly number[]): Generator<Buffer> {
  for (const [at, size] of sizes.entries()) yield seededBytes(`resume/${at}`, size);
}

async function pushAll(to: (tool: PushTool) => Promise<Outcome>): Promise<Record<string, Outcome>> {
  const outcomes: Record<string, Outcome> = {};
  for (const tool of tools) outcomes[tool.name] = await to(tool);
  return outcomes;
}

async function toSessionRegistry(tool: PushTool): Promise<Outcome> {
  await using registry = await startSessionRegistry();
  return await pushCut(tool, registry.host);
}

async function toDockerRegistry(tool: PushTool): Promise<Outcome> {
  await using registry = await startRegistry();
  return await pushCut(tool, registry.host);
}

async function pushCut(tool: PushTool, host: string): Promise<Outcome> {
  const isCut = () => proxy.requests.some(({ bytes }) => bytes >= cutBytes);
  await using proxy = await startRegistryProxy(host, () => (isCut() ? undefined : { cutAfterBytes: cutBytes }));
  const order = { repository: "acme/base", layout, isInsecure: true, verify: "size" } as const;
  const run = await runTool(tool, { host: proxy.host, ...order }, { limitMs });
  if (!isCut()) throw new Error(`${tool.name} was not cut: it sent no blob in one request.`);
  const seconds = Math.round(run.durationMs / 100) / 10;
  const failure = /[^:]*$/.exec(run.output.replace(/"?\s*$/, ""))?.[0].trim() ?? "";
  if (run.exitCode !== 0) return { seconds, isWhole: false, failure };
  return { seconds, isWhole: await holdsImage(host, { digest }), ...countResent(proxy.requests) };
}

/** A request that carries more than a small layer belongs to the large one. */
function countResent(requests: readonly SeenRequest[]) {
  const sum = (those: readonly SeenRequest[]) => those.reduce((total, { bytes }) => total + bytes, 0);
  const uploads = requests.filter(({ path }) => path.includes("/blobs/uploads/"));
  const ofLarge = uploads.filter(({ bytes }) => bytes > smallBytes);
  const ofOthers = uploads.filter(({ bytes }) => bytes > 1e6 && bytes <= smallBytes);
  const toMb = (bytes: number) => Math.round(bytes / 1e4) / 100;
  return { resentMb: toMb(sum(ofLarge) - blobBytes), otherResentMb: toMb(sum(ofOthers) - 2 * smallBytes) };
}

function firstLine(program: string, ...args: string[]): string {
  return spawnSync(program, args, { encoding: "utf8" }).stdout.trim().split("\n")[0] ?? "";
}

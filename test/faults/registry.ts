// Registry faults that a push survives, ours beside crane's and skopeo's, on the real docker-registry: npm run test:faults:registry [-- --seeds N --peer-seeds N --only TEXT]
// A fault counts as survived when every seed of it is; the result is written beside this file.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { exec } from "../../lib/exec.ts";
import { startRegistry } from "../support/registry.ts";
import { startRegistryProxy } from "../support/registry-proxy.ts";
import { randomOf, type Scene, writeSeededImage } from "./fault-scene.ts";
import { circumstances, formatTable, writeResult } from "./fault-table.ts";
import { type RegistryFault, registryFaults } from "./registry-faults.ts";
import { judge, type Verdict } from "./registry-judge.ts";
import { type PushTool, pushTools, runTool } from "./registry-tools.ts";

const limitMs = 120_000;
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    "peer-seeds": { type: "string", default: "3" },
    only: { type: "string", default: "" },
    tool: { type: "string", default: "" },
    verbose: { type: "boolean", default: false },
  },
});
const faults = registryFaults.filter(({ name }) => name.includes(values.only));
const tools = pushTools().filter(({ name }) => name.includes(values.tool));
const quick = pLimit(3);
const patient = pLimit(24);
const startedAt = new Date();
const rows = await Promise.all(faults.map(rowOf));
report();

async function rowOf(fault: RegistryFault) {
  const columns = await Promise.all(tools.map(async (tool) => [tool.name, await columnOf(fault, tool)] as const));
  console.error(`${fault.name}: ${columns.map(([name, verdicts]) => `${name} ${format(verdicts)}`).join(", ")}`);
  return { fault: fault.name, verdicts: Object.fromEntries(columns) };
}

async function columnOf(fault: RegistryFault, tool: PushTool): Promise<readonly Verdict[]> {
  const count = Number(tool.name === "gpu-ci" ? values.seeds : values["peer-seeds"]);
  const limit = fault.isPatient ? patient : quick;
  const seeds = Array.from({ length: count }, (_, at) => at + 1);
  return Promise.all(seeds.map((seed) => limit(() => pushThrough(fault, tool, seed))));
}

async function pushThrough(fault: RegistryFault, tool: PushTool, seed: number): Promise<Verdict> {
  await using image = await writeSeededImage(seed, fault.scale);
  await using disk = fault.diskMb === undefined ? undefined : await mountDisk(fault.diskMb);
  await using registry = await startRegistry(disk ? { root: disk.folder } : {});
  const scene: Scene = { image, registry, random: randomOf(seed), pending: [] };
  await using proxy = await startRegistryProxy(registry.host, fault.wire?.(scene), fault.address?.());
  const order = {
    host: proxy.host,
    layout: image.layout,
    isInsecure: fault.isTlsExpected !== true,
    repository: "acme/base",
    verify: fault.verifyFull ? ("full" as const) : ("size" as const),
  };
  if (fault.damage) await damageStored(fault.damage, tool, { scene, order });
  const run = await runTool(tool, order, { limitMs });
  await Promise.all(scene.pending);
  const verdict = await judge(run, { host: registry.host, image }, fault.refusal?.(scene));
  if (values.verbose || (verdict !== "survived" && tool.name === "gpu-ci")) {
    console.error(
      `-- ${fault.name}, ${tool.name}, seed ${seed}: ${verdict}, exit ${run.exitCode}, ${Math.round(run.durationMs)} ms`,
    );
    console.error(run.output.slice(-3000));
  }
  return verdict;
}

async function damageStored(
  damage: (scene: Scene) => Promise<void>,
  tool: PushTool,
  { scene, order }: { scene: Scene; order: Parameters<PushTool["command"]>[0] },
): Promise<void> {
  const { exitCode, output } = await runTool(tool, order, { limitMs });
  if (exitCode !== 0) throw new Error(`${tool.name} could not push to a healthy registry: ${output}`);
  await damage(scene);
}

async function mountDisk(sizeMb: number): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-disk-"));
  await exec("mount", ["-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", folder]);
  return {
    folder,
    [Symbol.asyncDispose]: async () => {
      await exec("umount", [folder]);
      await rm(folder, { recursive: true });
    },
  };
}

function format(verdicts: readonly Verdict[]): string {
  const survived = verdicts.filter((verdict) => verdict === "survived").length;
  if (survived === verdicts.length) return "Y";
  const worst = (["false green", "false red", "hang", "failed"] as const).find((verdict) => verdicts.includes(verdict));
  return `${worst} (${survived}/${verdicts.length})`;
}

function report(): void {
  const cells = rows.map(({ fault, verdicts }) => [fault, ...tools.map(({ name }) => format(verdicts[name] ?? []))]);
  const sums = tools.map((_tool, at) => `${cells.filter((cell) => cell[at + 1] === "Y").length}/${rows.length}`);
  const table = [["fault", ...tools.map(({ name }) => name)], ...cells, ["sum", ...sums]];
  console.log(formatTable(table));
  const isWhole = values.only === "" && values.tool === "";
  if (isWhole) writeSums(Object.fromEntries(tools.map(({ name }, at) => [name, sums[at]])));
  if (tools[0]?.name === "gpu-ci" && sums[0] !== `${rows.length}/${rows.length}`) process.exitCode = 1;
}

function writeSums(sums: object): void {
  writeResult("registry.json", {
    ...circumstances(startedAt),
    versions: Object.fromEntries(tools.map(({ name, version }) => [name, version])),
    seeds: { "gpu-ci": Number(values.seeds), peers: Number(values["peer-seeds"]) },
    sums,
    rows: rows.map(({ fault, verdicts }) => ({
      fault,
      ...Object.fromEntries(Object.entries(verdicts).map(([name, list]) => [name, format(list)])),
    })),
  });
}

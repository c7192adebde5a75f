// What a GPU test costs on a real cluster (goals P20 to P24, P26, P28 and the warm path): npm run bench:job [-- --only path,end] [--rounds N] [--jobs N]
// KUBECONFIG and REGISTRY name the cluster; the bundles are those of npm run build. The warm path runs beside the shell script --peer in turns.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { noteCircumstances } from "./circumstances.ts";
import { judgeBench } from "./job-bars.ts";
import { measureEnds } from "./job-end.ts";
import { measureFleet } from "./job-fleet.ts";
import { measureLines } from "./job-lines.ts";
import { comparePaths } from "./job-path.ts";
import { type Benched, buildImage, openJobScene } from "./job-scene.ts";
import { measureStarts } from "./job-start.ts";

const shared = process.env.GPU_CI_SHARED ?? join(import.meta.dirname, "../../../shared");
const { values } = parseArgs({
  options: {
    only: { type: "string", default: "start,end,lines,path,fleet,log,collect" },
    rounds: { type: "string", default: "9" },
    jobs: { type: "string", default: "200" },
    "jobs-at-once": { type: "string", default: "3" },
    lines: { type: "string", default: "200" },
    fleet: { type: "string", default: "1000" },
    peer: { type: "string", default: join(shared, "bench/shell-peer") },
    // Where the test cluster's API server writes it.
    "audit-log": { type: "string", default: "/var/lib/gpu-ci-test-cluster/logs/audit.jsonl" },
  },
});

const onScene: Readonly<Record<string, (benched: Benched) => Promise<object>>> = {
  start: (benched) => measureStarts(benched, values["audit-log"], 9),
  end: async (benched) => ({ P21: await measureEnds(benched, Number(values.jobs), Number(values["jobs-at-once"])) }),
  lines: async (benched) => ({ P23: await measureLines(benched, Number(values.lines)) }),
  fleet: async ({ scene }) => ({ P26: await measureFleet(scene.real, Number(values.fleet), values["audit-log"]) }),
  path: async ({ scene }) => ({ path: await comparePaths(scene, values.peer, Number(values.rounds)) }),
};
// Benchmarks of their own, which need no cluster or their own scene, and write their results beside them.
const programs: Readonly<Record<string, { readonly goal: string; readonly name: string }>> = {
  log: { goal: "P24", name: "log-relay" },
  collect: { goal: "P28", name: "collect" },
};

const wanted = values.only.split(",");
const unknown = wanted.filter((name) => !(name in onScene || name in programs));
if (unknown.length > 0)
  throw new Error(`--only knows ${Object.keys({ ...onScene, ...programs }).join(", ")}; not ${unknown.join(", ")}.`);
const file = join(import.meta.dirname, "job.json");
const circumstances = noteCircumstances();
// What is not measured now stays as it was measured last, with the time and the load of then.
const result: Record<string, object> = { ...readResult(file), ...(await measureOnScene()), ...runPrograms() };
writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
console.log(JSON.stringify(result, undefined, 2));
const broken = judgeBench(result);
for (const line of broken) console.error(line);
process.exitCode = broken.length > 0 ? 1 : 0;

async function measureOnScene(): Promise<Record<string, object>> {
  const names = wanted.filter((name) => name in onScene);
  if (names.length === 0) return {};
  await using scene = await openJobScene();
  const benched = await buildImage(scene);
  const measured: Record<string, object> = {};
  for (const name of names) {
    console.error(`bench:job: ${name}`);
    for (const [goal, figures] of Object.entries((await onScene[name]?.(benched)) ?? {}))
      measured[goal] = { ...circumstances(), node: process.version, ...figures };
  }
  return measured;
}

function runPrograms(): Record<string, object> {
  const names = wanted.filter((name) => name in programs);
  return Object.fromEntries(
    names.map((name) => {
      const program = programs[name] ?? { goal: "", name };
      console.error(`bench:job: ${name}`);
      // It judges its own bars; here its figures count.
      spawnSync(process.execPath, [join(import.meta.dirname, `${program.name}.ts`)], {
        stdio: ["ignore", "ignore", 2],
      });
      return [program.goal, readResult(join(import.meta.dirname, `${program.name}.json`))];
    }),
  );
}

function readResult(path: string): Record<string, object> {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, object>;
  } catch {
    return {};
  }
}

import { type Exec, findProgram } from "../exec.ts";
import { removeArguments } from "./container-arguments.ts";
import { judgeRun, type Leftover } from "./leftover.ts";

/** The tests' containers that podman and docker have on this machine, with the judgement on their runs. An engine that is not there has none. */
export async function findContainerLeftovers(exec: Exec, now: Date): Promise<readonly Leftover[]> {
  const engines = ["podman", "docker"] as const;
  return (await Promise.all(engines.map((engine) => leftoversOf(engine, exec, now)))).flat();
}

interface Inspected {
  readonly Name: string;
  readonly Created: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
}

async function leftoversOf(engine: "podman" | "docker", exec: Exec, now: Date): Promise<Leftover[]> {
  if (!(await findProgram(exec, engine))) return [];
  const filters = ["label=app.kubernetes.io/managed-by=gpu-ci", "label=gpu-ci/run"];
  const arguments_ = ["ps", "--all", "--quiet", ...filters.flatMap((filter) => ["--filter", filter])];
  const listed = await exec(engine, arguments_, { ignoreExitCode: true });
  const ids = listed.exitCode === 0 ? listed.stdout.split("\n").filter(Boolean) : [];
  const inspected = await Promise.all(
    ids.map(async (id) => {
      // Its own run may remove it at this moment.
      const { exitCode, stdout } = await exec(engine, ["inspect", "--type", "container", id], { ignoreExitCode: true });
      return exitCode === 0 ? (JSON.parse(stdout) as Inspected[]) : [];
    }),
  );
  return await Promise.all(
    inspected.flat().map(async ({ Name, Created, Config }) => {
      const labels = Config.Labels ?? {};
      const name = Name.replace(/^\//, "");
      const remove = async () => void (await exec(engine, removeArguments(engine, name)));
      const run = labels["gpu-ci/run"] ?? "";
      const end = await judgeRun([labels], now);
      const createdAt = new Date(Created);
      return { place: engine, namespace: "", kind: "container", name, run, createdAt, ...end, remove };
    }),
  );
}

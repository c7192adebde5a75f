import { formatDuration } from "../../lib/duration.ts";
import { removeArguments } from "../../lib/engine/container-arguments.ts";
import type { Examination } from "./examination.ts";
import { type Finding, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "leftovers", topic: "containers" };
const filter = "label=app.kubernetes.io/managed-by=gpu-ci";

/** Containers of ours on this machine whose time has passed: a test without a cluster was killed. */
export async function containerLeftoverFindings(
  examination: Pick<Examination, "exec" | "now">,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    (["podman", "docker"] as const).map((engine) => engineLeftovers(engine, examination).catch(() => [])),
  );
  return found.flat();
}

async function engineLeftovers(
  engine: "podman" | "docker",
  { exec, now }: Pick<Examination, "exec" | "now">,
): Promise<readonly Finding[]> {
  const { stdout } = await exec(engine, ["ps", "--all", "--filter", filter, "--format", "{{.Names}}"]);
  const names = stdout.split("\n").filter(Boolean);
  if (names.length === 0) return [];
  const format = '{{index .Config.Labels "gpu-ci/expires"}}';
  const inspected = await exec(engine, ["inspect", "--type", "container", "--format", format, ...names]);
  const expires = inspected.stdout.split("\n");
  const ages = names.map((name, index) => ({ name, expiredMs: now().getTime() - Date.parse(expires[index] ?? "") }));
  const expired = ages.filter(({ expiredMs }) => expiredMs > 0);
  if (expired.length === 0) return [];
  const list = expired.map(({ name }) => name).join(", ");
  return [
    problem(subject, "limited", {
      code: "expired-containers",
      found: `${engine} has ${list}, expired up to ${formatDuration(Math.max(...expired.map(({ expiredMs }) => expiredMs)))} ago`,
      cause: "a test was killed before it could clean up",
      remedy: "gpu-ci doctor --fix",
      fix: async () => {
        for (const { name } of expired) await exec(engine, removeArguments(engine, name));
        return `removed ${list} from ${engine}`;
      },
    }),
  ];
}

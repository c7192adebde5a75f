import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "host", topic: "microk8s snap" };

/** Whether snapd may restart microk8s whenever it likes; nothing where microk8s is no snap of this machine. */
export async function refreshHoldFindings({ exec }: Pick<Examination, "exec">): Promise<readonly Finding[]> {
  const listed = await exec("snap", ["list", "microk8s"], { ignoreExitCode: true }).catch(() => undefined);
  if (listed === undefined || listed.exitCode !== 0) return [];
  // https://snapcraft.io/docs/managing-updates: the last column holds what is noted about a snap.
  const [name = "", version = "", revision = "", channel = "", , notes = ""] =
    listed.stdout.trim().split("\n").at(-1)?.split(/\s+/) ?? [];
  const found = `${name} ${version} (${revision}) from ${channel}`;
  if (notes.split(",").includes("held")) return [ok(subject, `${found}, refreshes held`)];
  return [
    problem(subject, "limited", {
      code: "refresh-not-held",
      found: `${found}, refreshes not held`,
      cause: "an automatic refresh restarts the cluster in the middle of a test",
      remedy: "sudo snap refresh --hold=forever microk8s, and refresh by hand while the runners are drained.",
    }),
  ];
}

import { exec } from "../../lib/exec.ts";
import type { JobScene } from "./job-scene.ts";

/** Lets every packet of the tool's open connections to the API server vanish, in both directions; new connections are whole. */
export async function halfOpen({ process: tool, cluster, namespace, undo }: JobScene): Promise<void> {
  const { port } = new URL(cluster.server);
  const ids = (await tool?.processIds()) ?? [];
  const { stdout } = await exec("ss", ["-tnpH", "state", "established", `dport = :${port}`]);
  const lines = stdout.split("\n").filter((line) => ids.some((id) => line.includes(`pid=${id},`)));
  const ports = lines.map((line) => /:(\d+)\s+\S+:\d+/.exec(line)?.[1]).filter((found) => found !== undefined);
  if (ports.length === 0) throw new Error("The tool has no connection to the API server.");
  const table = namespace.replaceAll("-", "_");
  const rules = ["sport", "dport"].map((side) => `tcp ${side} { ${ports.join(", ")} } drop;`).join(" ");
  const chain = `chain out { type filter hook output priority 0; ${rules} }`;
  await exec("nft", ["-f", "-"], { stdin: `table inet ${table} {\n${chain}\n}\n` });
  undo.defer(async () => void (await exec("nft", ["delete", "table", "inet", table])));
}

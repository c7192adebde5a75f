import type { Host } from "../../lib/host.ts";
import { importIntoContainerd } from "../../lib/oci/containerd-import.ts";
import type { ImageSource } from "../../lib/oci/source.ts";
import { writeLayout } from "../../lib/oci/write-layout.ts";
import { formatSize } from "../../lib/size.ts";
import { inWorkspace } from "./image-to-push.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";

/** Without a registry: only who reads from there finds the image. `name` is the repository's, as a kubelet would have it. */
export async function deliverImage(
  source: ImageSource,
  name: string,
  inputs: Inputs,
  deps: Pick<Host, "exec" | "env" | "log" | "signal">,
): Promise<Outputs> {
  const { digest } = source.root;
  const names = [...inputs.name.tags.map((tag) => `${name}:${tag}`), `${name}@${digest}`];
  const nowhere = { registry: "", pushRef: "", inClusterRef: undefined, verified: "none" } as const;
  if (inputs.target.kind === "layout") {
    const folder = inWorkspace(inputs.target.folder, inputs, deps);
    const tagged = names.slice(0, -1);
    const written = await writeLayout(source, folder, tagged);
    deps.log.info(
      `${folder}: ${digest}, ${formatSize(written.pushedBytes)} written, ${formatSize(written.skippedBytes)} were there.`,
    );
    return { ...nowhere, ...written, pullRef: "" };
  }
  const isNew = await importIntoContainerd(source, names, deps);
  deps.log.info(`${name}@${digest} ${isNew ? "is imported" : "is in this node already"}.`);
  return { ...nowhere, digest, pullRef: `${name}@${digest}`, pushedBytes: 0, skippedBytes: 0 };
}

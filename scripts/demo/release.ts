import { dirname } from "node:path";
import type { Stages } from "../../cli/stages.ts";

/** What the release is made of. */
export interface ReleaseOptions {
  readonly stages: Stages;
  readonly outputs: Map<string, string>;
  /** Folder of the demo's files: report.json, test.log and the results are the assets. */
  readonly folder: string;
}

/** The release of what was tested, in dry-run: nothing is sent, assets, SHA256SUMS and notes are left in a folder. */
export async function releaseInDryRun({ stages, outputs, folder }: ReleaseOptions): Promise<number> {
  const { exitCode, outputs: release } = await stages.run({
    action: "github-release",
    with: {
      "tag-name": `v${outputs.get("version") ?? ""}`,
      files: ["report.json", "test.log", "files/**/*.xml"].join("\n"),
      images: outputs.get("image") ?? "",
      "require-report": "report.json",
      "working-directory": folder,
      "dry-run": "true",
    },
    tell: (get) => ({
      detail: `dry-run: ${get("assets").split("\n").filter(Boolean).length} assets of ${get("tag-name")}`,
    }),
  });
  outputs.set("release", dirname(release("checksums-file")));
  return exitCode;
}

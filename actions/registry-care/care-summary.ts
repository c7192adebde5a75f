import { type PruneReport, pruneRows, pruneSums } from "../../lib/oci/prune-report.ts";
import { escapeMarkdown } from "../../lib/report/markdown.ts";

/** A summary holds 1 MiB; whoever has more to delete finds it in the report. */
const maxRows = 500;

/** The job summary: what it comes to, then what goes; what stays is in the report. */
export function careSummary(report: PruneReport): string {
  const going = pruneRows(report).filter(({ goes }) => goes);
  const rows = going
    .slice(0, maxRows)
    .map(({ name, digest, why }) => `| ${escapeMarkdown(name)} | \`${digest}\` | ${escapeMarkdown(why)} |`);
  const table = [`| ${report.dryRun ? "would go" : "gone"} | digest | why |`, "|---|---|---|", ...rows].join("\n");
  const more = going.length > maxRows ? [`and ${going.length - maxRows} more.`] : [];
  const blocks = [
    "## Registry care",
    ...pruneSums(report).map(escapeMarkdown),
    ...(going.length === 0 ? [] : [table]),
    ...more,
  ];
  return `${blocks.join("\n\n")}\n`;
}

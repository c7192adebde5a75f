/** What the split needs to know of a case that ran before; one of a report fits. */
export interface TimedCase {
  readonly file: string | null;
  readonly className: string;
  readonly suite: string;
  readonly durationMs: number;
}

/** Of a variable the kernel takes 128 KiB at most. */
const longestTimings = 65_536;

/**
 * Divides names between the shards of a test: reads them from stdin, one a line, and prints those of this shard. The longest first, each to the
 * shard that has the least to do so far (LPT, R. L. Graham 1969); one without a time is taken for an average one. Every shard comes to the
 * same division by itself, so that each name, also one that is new, is in exactly one. Without awk names are dealt out in turn.
 */
const splitScript = `command -v awk >/dev/null || { i=0; while IFS= read -r name || [ "$name" ]; do
  [ $((i % GPU_CI_SHARDS)) = "$GPU_CI_SHARD" ] && printf '%s\\n' "$name"; i=$((i + 1)); done; exit 0; }
LC_ALL=C exec awk '
function plain(s) { sub(/^\\.\\//, "", s); sub(/\\.[A-Za-z0-9_]+$/, "", s); gsub(/\\//, ".", s); return s }
$0 != "" { item[++n] = $0; at[$0] = n; key = plain($0); if (!(key in at)) at[key] = n }
END {
  lines = split(ENVIRON["GPU_CI_TIMINGS"], line, "\\n")
  for (i = 1; i <= lines; i++) {
    blank = index(line[i], " "); key = substr(line[i], blank + 1)
    if (!(key in at)) { name = plain(key); if (name in at) key = name }
    while (!(key in at) && sub(/\\.[^.]*$/, "", key)) { }
    if (key in at) weight[at[key]] += substr(line[i], 1, blank - 1)
  }
  for (i in weight) { sum += weight[i]; known++ }
  for (i = 1; i <= n; i++) if (!(i in weight)) weight[i] = known ? sum / known : 1
  for (i = 1; i <= n; i++) { for (j = i; j > 1 && weight[order[j - 1]] < weight[i]; j--) order[j] = order[j - 1]; order[j] = i }
  for (i = 1; i <= n; i++) {
    least = 0
    for (s = 1; s < ENVIRON["GPU_CI_SHARDS"]; s++) if (load[s] + 0 < load[least] + 0) least = s
    load[least] += weight[order[i]]; mine[order[i]] = least == ENVIRON["GPU_CI_SHARD"]
  }
  for (i = 1; i <= n; i++) if (mine[i]) print item[i]
}'`;

/** The environment by which a test divides its work: GPU_CI_SPLIT for `sh -c`, and GPU_CI_TIMINGS with what an earlier run took. */
export function splitEnvironment(shards: number, cases: readonly TimedCase[]): Record<string, string> {
  if (shards === 1) return { GPU_CI_SPLIT: "cat" };
  return { GPU_CI_SPLIT: splitScript, GPU_CI_TIMINGS: timingsOf(cases) };
}

/** Lines of `MILLISECONDS NAME`, the longest first: by file where the cases tell it, else by class or suite. */
function timingsOf(cases: readonly TimedCase[]): string {
  const times = new Map<string, number>();
  for (const { file, className, suite, durationMs } of cases) {
    const name = file || className || suite;
    if (name !== "" && !name.includes("\n")) times.set(name, (times.get(name) ?? 0) + durationMs);
  }
  const lines = [...times]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, durationMs]) => `${Math.round(durationMs)} ${name}`);
  while (Buffer.byteLength(lines.join("\n")) > longestTimings) lines.splice(Math.floor(lines.length * 0.9));
  return lines.join("\n");
}

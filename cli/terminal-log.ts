import { styleText } from "node:util";
import { formatDuration } from "../lib/duration.ts";
import type { Log, Progress } from "../lib/log.ts";
import { formatSize } from "../lib/size.ts";
import type { TerminalScreen } from "./terminal-screen.ts";

const plainProgressMs = 10_000;
const keptLines = 40;

/** A log on a screen that remembers its last lines, so that a stage that failed can show what it did. */
export interface TerminalLog extends Log {
  /** The last lines, also those that were only ever on the live line. */
  readonly tail: () => readonly string[];
}

/**
 * Shows what a story says. Inside a stage on a terminal, information and progress go to the live line; elsewhere each is a line of its own,
 * progress at most every 10 s.
 */
export function terminalLog(
  screen: TerminalScreen,
  options: { readonly collapse: boolean; readonly verbose: boolean },
): TerminalLog {
  const kept: string[] = [];
  const collapse = options.collapse && screen.live && !options.verbose;
  const rates = createRates();
  let shownAt = performance.now();
  const keep = (line: string) => {
    kept.push(line);
    if (kept.length > keptLines) kept.shift();
  };
  const info = (message: string) => {
    keep(message);
    if (collapse) screen.detail(message);
    else screen.print(`  ${message}`);
  };
  return {
    tail: () => kept,
    info,
    warning: (message) => screen.print(styleText("yellow", `  warning: ${message}`, { stream: process.stderr })),
    debug: (message) => (options.verbose ? screen.print(`  ${message}`) : keep(message)),
    async group(name, body) {
      const startedAt = performance.now();
      info(name);
      const result = await body();
      if (options.verbose) screen.print(`  ${name}: done after ${formatDuration(performance.now() - startedAt)}`);
      return result;
    },
    progress(progress) {
      const line = `${formatProgress(progress)}${rates(progress)}`;
      if (screen.live) screen.detail(line);
      if (screen.live || performance.now() - shownAt < plainProgressMs) return;
      shownAt = performance.now();
      screen.print(`  ${line}`);
    },
  };
}

/** Bytes a second of each label since it was first heard of. */
function createRates(): (progress: Progress) => string {
  const first = new Map<string, { readonly done: number; readonly at: number }>();
  return ({ label, done, unit }) => {
    const start = first.get(label);
    if (!start) first.set(label, { done, at: performance.now() });
    if (!start || unit !== "bytes" || done <= start.done) return "";
    const seconds = (performance.now() - start.at) / 1000;
    return seconds < 0.1 ? "" : `, ${formatSize(Math.round((done - start.done) / seconds))}/s`;
  };
}

function formatProgress({ label, done, total, unit }: Progress): string {
  const amount = (value: number) => (unit === "bytes" ? formatSize(value) : String(value));
  return total
    ? `${label}: ${amount(done)} of ${amount(total)} (${Math.floor((done / total) * 100)} %)`
    : `${label}: ${amount(done)}`;
}

import * as core from "@actions/core";
import type { Log, Progress } from "../log.ts";
import { formatSize } from "../size.ts";

const progressIntervalMs = 10_000;

/** Log lines as workflow commands; progress becomes one plain line every 10 s, so that a long step is never silent. */
export function actionLog(): Log {
  let lastProgress = Date.now();
  return {
    info: (message) => core.info(message),
    warning: (message) => core.warning(message),
    debug: (message) => core.debug(message),
    group: (name, body) => core.group(name, body),
    progress(progress) {
      if (Date.now() - lastProgress < progressIntervalMs) return;
      lastProgress = Date.now();
      core.info(formatProgress(progress));
    },
  };
}

function formatProgress({ label, done, total, unit }: Progress): string {
  const amount = (value: number) => (unit === "bytes" ? formatSize(value) : String(value));
  const share = total ? ` of ${amount(total)} (${Math.floor((done / total) * 100)} %)` : "";
  return `${label}: ${amount(done)}${share}`;
}

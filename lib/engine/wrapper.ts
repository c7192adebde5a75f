import { array, boolean, type InferOutput, number, object, optional, safeParse, string } from "valibot";
import type { Gpu, GpuLoad } from "./test-pod.ts";

/**
 * The program that runs a test inside its container: `/bin/sh /gpu-ci/bin/run COMMAND ARGUMENT...`, in POSIX sh for dash, bash and
 * busybox. It is told by environment: GPU_CI_COLLECT (patterns, one a line), GPU_CI_TIMEOUT (seconds), GPU_CI_GPUS (0 asks no nvidia-smi),
 * GPU_CI_OUT (/gpu-ci/out), GPU_CI_CONTROL (a writable folder, /tmp), GPU_CI_RECEIPT (/dev/termination-log), GPU_CI_HOLD (seconds to
 * wait for a reader of GPU_CI_OUT; unset: exit at once), GPU_CI_TRAILER (the test's name; unset: no trailer), GPU_CI_CGROUP (/sys/fs/cgroup).
 * Patterns know `*`, `?`, `[…]` and one `**` + `/` for any number of folders; a matching folder is copied whole. The trailer (log-trailer.ts)
 * is written only where nothing but the test itself can have ended it: it was told nothing and killed by nothing, and the kernel counts no
 * process that was out of memory, in memory.events or, with cgroup v1, in memory.oom_control. INT reaches the test as TERM: a POSIX shell
 * starts its background commands with INT ignored. dash and busybox say "Terminated" of a command that they wait for: that is none of the
 * test's words, and is not in its log. Our own helpers are ended by PIPE: dash and busybox lose a signal they have a trap for, as for TERM,
 * when it reaches a copy of the shell that has just begun, and bash reports most other signals in the log; by TERM as well, should whoever
 * started us have PIPE ignored. How busy the GPUs are is written to two files in turn, one of which is always whole.
 */
export const wrapperScript = `#!/bin/sh
control=\${GPU_CI_CONTROL:-/tmp} cgroup=\${GPU_CI_CGROUP:-/sys/fs/cgroup} out=\${GPU_CI_OUT:-/gpu-ci/out} child='' late=false count=0 gpus='' load='' hold=\${GPU_CI_HOLD:-} held='' told='' again='' trailer=\${GPU_CI_TRAILER:-}; unset GPU_CI_TRAILER
after() { (trap 'kill "$nap" 2>/dev/null; exit' PIPE TERM; sleep "$1" & nap=$!; wait "$nap"; shift; "$@") >/dev/null 2>&1 & timers="$timers $!"; }; halt() { kill -PIPE "$@"; kill "$@"; } 2>/dev/null
stop() { again=1; [ -z "$held" ] || echo >&9; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null && after 2 kill -KILL "$child"; }
look() { # how busy the GPUs are, every 2 s; when that is much to tell every second time is left out, and the next ones are twice as far apart
  trap 'kill "$nap"; exit' PIPE TERM; set -f; pause=2
  while now=$(nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits); do
    load="$load\${load:+;}$(echo $now)"; [ \${#load} -lt 1500 ] || { IFS=';'; set -- $load; load=$1 pause=$((pause * 2)); unset IFS
      while [ $# -gt 2 ]; do shift 2; load="$load;$1"; done; }
    echo "$load" >"$control/last"; echo "$load" >"$control/load"; sleep "$pause" & nap=$!; wait "$nap"
  done
}
copy() { for path; do path=\${path%/} to=$out/\${path#/}; [ -e "$path" ] && mkdir -p "\${to%/*}" && cp -RL -- "$path" "\${to%/*}/" && count=$((count + 1)); done; }
gather() {
  case $1 in *'**/'*) ;; *) copy $1; return ;; esac
  head=\${1%%'**/'*} tail=\${1#*'**/'} depth=''
  while copy $head$depth$tail; set -- $head$depth*/; [ -d "$1" ]; do depth="$depth*/"; done
}
trap 'late=true; stop' USR1; trap 'hold= told=1; stop' TERM INT HUP QUIT # whoever ends the pod does not wait: the collector outlives us, and holds the files
[ "\${GPU_CI_GPUS:-0}" = 0 ] || nvidia-smi --query-gpu=name,uuid,driver_version,memory.total --format=csv,noheader >"$control/gpus" 2>/dev/null &
query=$!; [ "\${GPU_CI_GPUS:-0}" = 0 ] || look >/dev/null 2>&1 & timers=$!; { read -r begin _ </proc/uptime; } 2>/dev/null
exec 3<&0; "$@" <&3 3<&- & child=$! code='' # a background command reads /dev/null unless it is given a descriptor
[ -z "$again" ] || stop; [ -z "\${GPU_CI_TIMEOUT:-}" ] || after "$GPU_CI_TIMEOUT" kill -USR1 $$
while again='' && { wait "$child" 2>/dev/null; status=$?; [ "$status$code" = 127 ] || [ "$status" != 127 ] && code=$status; [ "$again" ]; }; do :; done
trap '' USR1; { read -r end _ </proc/uptime; } 2>/dev/null; halt $timers; child='' timers=''; after 10 kill -KILL "$query"; wait "$query"; halt $timers
IFS='
'; set -f; set -- \${GPU_CI_COLLECT:-}; set +f; IFS=''; for pattern; do gather "$pattern"; done
[ ! -r "$control/gpus" ] || while read -r line; do case $line in *[\\"\\\\]*) ;; *) gpus="$gpus\${gpus:+,}\\"$line\\"" ;; esac; done <"$control/gpus"
{ read -r load <"$control/load" || read -r load <"$control/last"; } 2>/dev/null; case $load in *[\\"\\\\]*) load='' ;; esac; ms=$((\${end%.*}\${end#*.}0 - \${begin%.*}\${begin#*.}0))
receipt=$(printf '{"exitCode":%s,"timedOut":%s,"collected":%s,"gpus":[%s],"runMs":%s,"load":"%s"}' "$code" "$late" "$count" "$gpus" "$ms" "$load"); echo "$receipt" >"\${GPU_CI_RECEIPT:-/dev/termination-log}"
[ -z "$hold" ] || mkfifo "$control/ended" "$control/read" 2>/dev/null
if [ -n "$hold" ] && [ -p "$control/ended" ] && [ -p "$control/read" ]; then
  exec 8<>"$control/ended" 9<>"$control/read"; held=1; : >"$control/done"; echo >&8
  (while sleep "$hold" && [ -e "$control/reading" ]; do :; done; echo >&9) >/dev/null 2>&1 & holder=$!; read -r line <&9; kill "$holder" 2>/dev/null
elif [ -n "$hold" ]; then # without fifos the reader is waited for by looking: the container's end would end it within seconds
  : >"$control/done"; while [ "$hold" ] && [ ! -e "$control/sent" ] && { [ "$hold" -gt 0 ] || [ -e "$control/reading" ]; }; do hold=$((hold - 1)); sleep 1; done
fi
case $told$late$(cat "$cgroup/memory.events" "$cgroup/memory/memory.oom_control" 2>/dev/null) in false*'oom_kill 0'*) # the test's own end, and all of it
  trap '' PIPE; [ "$code" -gt 127 ] || [ -z "$trailer" ] || { echo "gpu-ci-end $trailer $receipt"; echo "gpu-ci-end $trailer" >&2; } ;; esac
exit "$code"
`;

const receipt = object({
  exitCode: number(),
  timedOut: boolean(),
  collected: number(),
  gpus: array(string()),
  runMs: optional(number()),
  load: optional(string(), ""),
});

/** What the wrapper left in the termination message; `gpus` are what nvidia-smi saw inside the container, `runMs` is exact to 10 ms. */
export interface Receipt extends Omit<InferOutput<typeof receipt>, "gpus" | "load"> {
  readonly gpus: readonly Gpu[];
}

/** Reads the wrapper's receipt; undefined when the text is none, as after a kill or when the command ran bare. */
export function parseReceipt(text: string): Receipt | undefined {
  const parsed = safeParse(receipt, parseJson(text));
  if (!parsed.success) return undefined;
  const { load, ...rest } = parsed.output;
  return { ...rest, gpus: rest.gpus.map((line, index) => parseGpu(line, loadOf(load, index))) };
}

function parseGpu(line: string, load: readonly GpuLoad[]): Gpu {
  const [product = "", uuid = "", driver = "", memory = ""] = line.split(",").map((field) => field.trim());
  return { product, uuid, driver, memory, ...(load.length > 0 ? { load } : {}) };
}

/** Looks are `PERCENT, MIB` of each GPU in order; what a GPU does not tell (one in MIG mode: its use) is `[N/A]`. */
function loadOf(text: string, gpu: number): GpuLoad[] {
  return text.split(";").flatMap((look) => {
    const [percent, mib] = look.split(/[ ,]+/).slice(2 * gpu, 2 * gpu + 2);
    return mib === undefined ? [] : [{ usedPercent: numberOf(percent), memoryMib: numberOf(mib) }];
  });
}

function numberOf(text = ""): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

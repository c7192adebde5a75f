import type { ApiFault } from "../support/api-proxy.ts";
import type { ApiQuestion } from "../support/api-question.ts";
import { commandsIn } from "../support/runner-parser.ts";
import { isLog } from "./api-wire.ts";
import { type JobFault, talking } from "./job-fault.ts";
import type { JobRun } from "./job-run.ts";
import type { JobScene } from "./job-scene.ts";

const busy = {
  command: "i=0; while [ $i -lt 150 ]; do seq $((i * 200)) $((i * 200 + 199)); i=$((i + 1)); sleep 0.1; done",
};
const busyLog = Array.from({ length: 30_000 }, (_, at) => `${at}\n`).join("");
const slow = talking(20, 0.2);
const secret = 'hunter2/"and+more=';
const secretForms = [
  secret,
  Buffer.from(secret).toString("base64"),
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
];
const attacks = [
  "::set-output name=a::b",
  "\u2003::error::forged",
  "text ##[error]forged",
  "a\r::error::forged",
  "##[group]x",
  "::add-mask::e",
  "::stop-commands::0000",
  "::endgroup::",
];
const drawing =
  "\u001b[31mred\u001b[0m \u001b[2Jgone \u001b]52;c;Y2xpcA==\u0007 \u001b]8;;http://x\u0007link\u001b]8;;\u0007 1%\r50%\r100%\n";
const raw = Buffer.concat([
  // Not CR LF: the container runtime takes the CR of it away before anybody can read it.
  Buffer.from([0xff, 0xfe, 0x00, 0x0d, 0x20, 0x0a]),
  Buffer.from(`${"x".repeat(16_383)}é${"y".repeat(40_000)}\n`),
  Buffer.from("no newline at the end"),
]);
const octal = (bytes: Uint8Array) => [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");

/** F40 to F47: what a log holds, and what happens to it on its way. */
export const jobLogFaults: readonly JobFault[] = [
  {
    id: "F40",
    name: "log cut off 100 times",
    ...busy,
    limitMs: 120_000,
    wire: cutOften(100),
    truth: { verdict: "passed", log: busyLog },
  },
  {
    id: "F41",
    name: "log rotated while it is followed",
    // 25 MB in 25 s: the kubelet rotates at 10 MiB, and looks every 10 s.
    command:
      'line=$(head -c 1000 /dev/zero | tr "\\0" x); i=100000; while [ $i -lt 125000 ]; do seq $i $((i + 499)) | sed "s/$/ $line/"; i=$((i + 500)); sleep 0.5; done',
    limitMs: 180_000,
    wire: () => ({
      fault: (request, earlier) => (isLog(request) && earlier < 3 ? { endAfterMs: 7000, isOrderly: false } : undefined),
    }),
    truth: {
      verdict: "passed",
      mayLack: true,
      log: Array.from({ length: 25_000 }, (_, at) => `${at + 100_000} ${"x".repeat(1000)}\n`).join(""),
    },
  },
  {
    id: "F42",
    name: "a line of 100 MB, then a million lines at once",
    command: "head -c 100000000 /dev/zero | tr '\\0' x; echo; seq 1000000",
    limitMs: 240_000,
    truth: {
      verdict: "passed",
      mayLack: true,
      get log() {
        const lines = Array.from({ length: 1_000_000 }, (_, at) => `${at + 1}\n`);
        return Buffer.concat([Buffer.alloc(100_000_000, "x"), Buffer.from(`\n${lines.join("")}`)]);
      },
      check: ({ peakBytes }) => (peakBytes < 250e6 ? undefined : `${Math.round(peakBytes / 1e6)} MB of memory`),
    },
  },
  {
    id: "F43",
    name: "bytes that are no text, a line in parts, no newline at the end",
    command: `printf '${octal(raw.subarray(0, 6))}'; head -c 16383 /dev/zero | tr '\\0' x; printf '\\303\\251'; head -c 40000 /dev/zero | tr '\\0' y; echo; printf 'no newline at the end'`,
    truth: { verdict: "passed", log: raw },
  },
  {
    id: "F44",
    name: "cursor moves, clipboard, links, progress bars",
    command: `printf '${octal(Buffer.from(drawing))}'`,
    truth: { verdict: "passed", log: drawing, check: drawsNothing },
  },
  {
    id: "F45",
    name: "commands for the runner in the log",
    command: `printf '${octal(Buffer.from(`${attacks.join("\n")}\n`))}'`,
    truth: { verdict: "passed", check: obeysNothing },
  },
  {
    id: "F46",
    name: "a secret in the log: plain, encoded, in two writes",
    command: `printf '%s\\n' "$TOKEN" '${secretForms[1]}' '${secretForms[2]}' '${secretForms[3]}'; printf 'hunter2/'; sleep 1; echo '"and+more='`,
    inputs: () => ({ "secret-env": `TOKEN=${secret}` }),
    truth: { verdict: "passed", check: hidesSecret },
  },
  {
    id: "F47",
    name: "nobody reads the output any more",
    ...slow,
    strike: async (scenes) => {
      for (const scene of scenes) {
        await scene.running();
        scene.process?.child.stdout?.destroy();
      }
    },
    truth: { verdict: "passed", log: slow.log },
  },
];

function cutOften(times: number) {
  // Late enough for something new behind what is asked for again.
  const cut = (): ApiFault => ({ endAfterMs: 30 + Math.random() * 200, isOrderly: false });
  return () => ({
    fault: (request: ApiQuestion, earlier: number) => (isLog(request) && earlier < times ? cut() : undefined),
  });
}

function drawsNothing({ stdout }: JobRun): string | undefined {
  const isDrawn = ["\u001b[2J", "\u001b]"].some((sequence) => stdout.includes(sequence));
  return isDrawn ? "control sequences reached the console" : undefined;
}

function obeysNothing({ stdout, output }: JobRun, { tool }: JobScene): string | undefined {
  const own = tool === "gpu-ci" ? new Set(["debug", "notice", "add-mask"]) : new Set<string>();
  const obeyed = commandsIn(tool === "gpu-ci" ? stdout : output).filter((name) => !own.has(name));
  return obeyed.length === 0 ? undefined : `the runner obeys ${obeyed.join(", ")}`;
}

function hidesSecret({ stdout, output, log }: JobRun): string | undefined {
  // The runner itself hides what add-mask names from then on; the line that names it is for its eyes.
  const seen = `${output.replaceAll(/^::add-mask::.*$/gm, "")}${log?.toString()}`;
  const shown = secretForms.filter((form) => seen.includes(form));
  return shown.length === 0 && stdout !== "" ? undefined : `shown: ${shown.join(" ")}`;
}

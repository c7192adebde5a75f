import type { ApiProxyOptions } from "../support/api-proxy.ts";
import type { JobRun } from "./job-run.ts";
import type { JobScene } from "./job-scene.ts";

/** What is true of a test, known before anything runs. */
export interface Truth {
  readonly verdict: "passed" | "failed" | "infrastructure" | "cancelled";
  /** What the user has to read. */
  readonly says?: RegExp;
  /** Every byte of the test's log; a pattern where a shell adds words of its own to the end. */
  readonly log?: string | Buffer | RegExp;
  /** Bytes that the node had thrown away may be missing, when that is said. */
  readonly mayLack?: true;
  /** The Job is to go on: nobody can remove it, and nobody should. */
  readonly keepsJob?: true;
  /** Says what else is wrong; undefined when nothing is. */
  readonly check?: (run: JobRun, scene: JobScene) => string | undefined | Promise<string | undefined>;
}

/** One thing that goes wrong while a test runs in a cluster. */
export interface JobFault {
  /** Of performance-reliability's catalogue: `F05`. Several of one id are one line of the table. */
  readonly id: string;
  readonly name: string;
  /** A part of the cluster is stopped: everybody who uses it sees it, so nothing else may run. */
  readonly stopsPart?: true;
  /** The peer has nothing like it. */
  readonly oursAlone?: true;
  readonly command: string;
  /** Of run-k8s-gpu-test, beside image, command and `gpus: 0`. */
  readonly inputs?: (scene: JobScene) => Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** When a tool that still runs is called hanging; default is 90 s. */
  readonly limitMs?: number;
  /** Made before the tool is started. */
  readonly before?: (scene: JobScene) => Promise<void>;
  /** What a proxy between the tool and the API server does. */
  readonly wire?: (scene: JobScene) => Pick<ApiProxyOptions, "fault" | "rewriteUrl">;
  /** The user of the tool's kubeconfig, in place of the administrator. */
  readonly user?: (scene: JobScene) => object;
  /** What happens while the tool is at work: once for each scene, or once for all when it stops a part. */
  readonly strike?: (scenes: readonly JobScene[]) => Promise<void>;
  /** What is done when the tool has ended, before the end is judged; default is what a runner does, the post step. */
  readonly after?: (scene: JobScene, run: JobRun) => Promise<void>;
  readonly truth: Truth | ((scene: JobScene) => Truth);
}

/** A command that says numbered lines at an even pace, and the log that it makes. */
export function talking(lines: number, seconds: number): { command: string; log: string } {
  const command = `i=0; while [ $i -lt ${lines} ]; do echo "line $i"; i=$((i+1)); sleep ${seconds}; done`;
  return { command, log: Array.from({ length: lines }, (_, at) => `line ${at}\n`).join("") };
}

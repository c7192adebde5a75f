import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { root } from "./house.ts";

/** `gpu-ci runners controller` as a process of its own. */
export interface ControllerProcess {
  /** What it has said so far. */
  said(): string;
  /** Waits until it ends by itself and gives its exit code. */
  ended(): Promise<number | null>;
  /** Ends it by SIGTERM and gives its exit code. */
  stop(): Promise<number | null>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

export interface ControllerOptions {
  readonly folder: string;
  readonly settings: object;
  readonly token: string;
  readonly onStop: "keep" | "remove";
  readonly exitWhenDrained?: boolean;
}

/** Starts the controller with its settings and token in files. */
export function startController(options: ControllerOptions): ControllerProcess {
  const { folder, settings, token, onStop, exitWhenDrained = false } = options;
  const [config, tokenFile] = [join(folder, "runners.yaml"), join(folder, "token")];
  writeFileSync(config, stringify(settings));
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  const args = ["runners", "controller", "--config", config, "--token-file", tokenFile, "--on-stop", onStop];
  if (exitWhenDrained) args.push("--exit-when-drained");
  const child: ChildProcess = spawn(join(root, "bin/gpu-ci"), args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    said += bytes.toString("utf8");
  });
  const ended = async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode;
  };
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended();
  };
  return {
    said: () => said,
    ended,
    stop: () => end("SIGTERM"),
    kill: async () => {
      await end("SIGKILL");
    },
  };
}

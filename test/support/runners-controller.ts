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
}

/** Starts the controller with its settings and token in files. */
export function startController({ folder, settings, token, onStop }: ControllerOptions): ControllerProcess {
  const [config, tokenFile] = [join(folder, "runners.yaml"), join(folder, "token")];
  writeFileSync(config, stringify(settings));
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  const args = ["runners", "controller", "--config", config, "--token-file", tokenFile, "--on-stop", onStop];
  const child: ChildProcess = spawn(join(root, "bin/gpu-ci"), args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    said += bytes.toString("utf8");
  });
  const end = async (signal: NodeJS.Signals) => {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    child.kill(signal);
    await exited;
    return child.exitCode;
  };
  return {
    said: () => said,
    stop: () => end("SIGTERM"),
    kill: async () => {
      await end("SIGKILL");
    },
  };
}

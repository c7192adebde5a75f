import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "../../lib/exec.ts";

/** A real containerd of one test, on a disk of its own; disposing it ends the process and removes its disk. */
export interface TestContainerd extends AsyncDisposable {
  /** Its socket, which stays when the process is killed. */
  readonly address: string;
  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void;
  /** Gives its disk so many megabytes. */
  resize(sizeMb: number): Promise<void>;
}

/** Starts one whose disk has so many megabytes. Needs root, and `containerd` on the PATH of `env`. */
export async function startContainerd(sizeMb: number, env: NodeJS.ProcessEnv): Promise<TestContainerd> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-containerd-"));
  const root = join(folder, "root");
  await mkdir(root);
  await exec("mount", ["-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", root]);
  const [address, config] = [join(folder, "containerd.sock"), join(folder, "config.toml")];
  const plugins = ["grpc.v1.cri", "cri.v1.images", "cri.v1.runtime", "nri.v1.nri", "internal.v1.opt"];
  const disabled = plugins.map((name) => `"io.containerd.${name}"`);
  await writeFile(config, `version = 3\ndisabled_plugins = [${disabled.join(", ")}]\n`);
  const places = ["--root", root, "--state", join(folder, "state"), "--address", address];
  const child = spawn("containerd", ["--config", config, ...places], { env, stdio: "ignore" });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.once("error", () => {});
  for (let attempt = 0; !(await isListening(address)); attempt++) {
    if (child.pid === undefined || child.exitCode !== null || attempt > 200)
      throw new Error("containerd did not start.");
    await sleep(50);
  }
  return {
    address,
    signal: (signal) => void child.kill(signal),
    resize: async (megabytes) => void (await exec("mount", ["-o", `remount,size=${megabytes}m`, root])),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
      await exec("umount", [root]);
      await rm(folder, { recursive: true });
    },
  };
}

function isListening(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("error", () => resolve(false)).once("connect", () => resolve(true));
    socket.once("connect", () => socket.destroy());
  });
}

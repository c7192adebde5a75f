import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildkitPrograms } from "./buildkit-programs.ts";
import { freePort } from "./registry.ts";

/** A real BuildKit daemon of one test on a loopback port; disposing it ends the process and removes its state. */
export interface TestBuildkitd extends AsyncDisposable {
  readonly port: number;
}

/** Starts it with a folder of `ca.pem`, `cert.pem` and `key.pem`: clients need a certificate of that authority. Without one it speaks plain text. Needs root and runc. */
export async function startBuildkitd(certificates?: string): Promise<TestBuildkitd> {
  const root = await mkdtemp(join(tmpdir(), "gpu-ci-buildkitd-"));
  const port = await freePort();
  const tls = Object.entries({ "--tlscacert": "ca.pem", "--tlscert": "cert.pem", "--tlskey": "key.pem" });
  const places = ["--addr", `tcp://127.0.0.1:${port}`, "--root", root, "--otel-socket-path", join(root, "otel.sock")];
  const workers = ["--containerd-worker=false", "--oci-worker-binary=runc", "--oci-worker-net=host"];
  const flags = certificates === undefined ? [] : tls.flatMap(([flag, file]) => [flag, join(certificates, file)]);
  const child = spawn(
    join(await buildkitPrograms(), "buildkitd"),
    ["--config", "/dev/null", ...places, ...workers, ...flags],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let hasExited = false;
  void exited.then(() => (hasExited = true));
  for (let attempt = 0; !(await isListening(port)); attempt++) {
    if (hasExited || attempt > 400) {
      child.kill("SIGKILL");
      throw new Error(`buildkitd did not start: ${said}`);
    }
    await sleep(50);
  }
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await exited;
      await rm(root, { recursive: true, force: true });
    },
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

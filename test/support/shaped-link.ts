import { connect, createServer, type Socket } from "node:net";
import { exec } from "../../lib/exec.ts";

/** How a link is to behave. */
export interface LinkShape {
  readonly megabitsPerSecond: number;
  readonly roundTripMs: number;
}

/** A link to a server of this machine, for processes started by `command`. */
export interface ShapedLink extends AsyncDisposable {
  /** `10.213.0.1:PORT`, the server as it is called from the other end. */
  readonly host: string;
  /** What stands before a program and its arguments to run it at the other end. */
  readonly command: readonly string[];
}

/**
 * Makes a network namespace at the end of a pair of veth devices that the kernel slows down in both directions (tc tbf); where it cannot delay packets (netem is not in
 * every kernel), answers wait the round trip in a relay. Needs root, and fails with the words of ip or tc.
 */
export async function openShapedLink(server: string, shape: LinkShape): Promise<ShapedLink> {
  const [namespace, near, far] = ["", "n", "f"].map((end) => `gpuci${process.pid}${end}`) as [string, string, string];
  const inside = ["ip", "netns", "exec", namespace];
  const run = async (...[program = "", ...args]: string[]) => exec(program, args);
  await run("ip", "netns", "add", namespace);
  const remove = async () => {
    await exec("ip", ["netns", "delete", namespace], { ignoreExitCode: true });
    await exec("ip", ["link", "delete", near], { ignoreExitCode: true });
  };
  try {
    await run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", namespace);
    await run("ip", "address", "add", "10.213.0.1/30", "dev", near);
    await run("ip", "link", "set", near, "up");
    await run(...inside, "ip", "address", "add", "10.213.0.2/30", "dev", far);
    await run(...inside, "ip", "link", "set", far, "up");
    await run(...inside, "ip", "link", "set", "lo", "up");
    await run("tc", ...shaping(near, shape));
    await run(...inside, "tc", ...shaping(far, shape));
    const relay = await startRelay(server, shape.roundTripMs);
    const stop = async () => {
      await relay[Symbol.asyncDispose]();
      await remove();
    };
    return { host: relay.host, command: inside, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

function shaping(device: string, { megabitsPerSecond }: LinkShape): string[] {
  // Four milliseconds at once, no less than the kernel hands over in one piece.
  const burst = Math.max(128_000, megabitsPerSecond * 500);
  const rate = ["rate", `${megabitsPerSecond}mbit`, "burst", `${burst}`, "latency", "50ms"];
  return ["qdisc", "add", "dev", device, "root", "tbf", ...rate];
}

async function startRelay(server: string, delayMs: number): Promise<{ host: string } & AsyncDisposable> {
  const port = Number(server.split(":")[1]);
  const sockets = new Set<Socket>();
  const relay = createServer((incoming) => {
    const onward = connect({ port, host: "127.0.0.1" });
    for (const [one, other] of [
      [incoming, onward],
      [onward, incoming],
    ] as const) {
      sockets.add(one);
      one.on("close", () => sockets.delete(one));
      one.on("error", () => other.destroy());
    }
    incoming.pipe(onward);
    onward.on("data", (chunk) => setTimeout(() => incoming.write(chunk), delayMs));
    onward.on("end", () => setTimeout(() => incoming.end(), delayMs));
  });
  await new Promise<void>((resolve) => relay.listen(0, "10.213.0.1", resolve));
  const address = relay.address();
  if (address === null || typeof address === "string") throw new Error("The relay has no port.");
  return {
    host: `10.213.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import net from "node:net";

/** A proxy between a client and a server, which breaks connections on demand. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  accepted(): number;
  /** Resets all open connections. */
  cut(): void;
  /** While true, new connections are reset at once. */
  refuse(isRefusing: boolean): void;
}

/** `bytesUntilCut` is asked for each connection how many bytes of the server's may pass before it is reset; undefined is all of them. */
export async function startTcpProxy(
  target: { readonly host: string; readonly port: number },
  bytesUntilCut: () => number | undefined = () => undefined,
): Promise<TcpProxy> {
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  let accepted = 0;
  let isRefusing = false;
  const server = net.createServer((client) => {
    accepted++;
    if (isRefusing) return void client.resetAndDestroy();
    const upstream = net.connect(target);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const cut = () => {
      pairs.delete(pair);
      client.resetAndDestroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on("error", cut).on("close", cut);
    client.pipe(upstream);
    forward(upstream, client, bytesUntilCut() ?? Number.POSITIVE_INFINITY, cut);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cutAll = () => {
    for (const [client] of pairs) client.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    cut: cutAll,
    refuse(wanted) {
      isRefusing = wanted;
    },
    async [Symbol.asyncDispose]() {
      cutAll();
      server.close();
      await once(server, "close");
    },
  };
}

function forward(from: net.Socket, to: net.Socket, limitBytes: number, cut: () => void): void {
  let passed = 0;
  from.on("data", (chunk: Buffer) => {
    const rest = limitBytes - passed;
    passed += chunk.length;
    if (chunk.length <= rest) {
      if (!to.write(chunk)) from.pause();
      return;
    }
    // The last bytes reach the client before the reset does.
    to.write(chunk.subarray(0, Math.max(0, rest)), () => setTimeout(cut, 1));
    from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => to.end());
}

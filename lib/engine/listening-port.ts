/** The state LISTEN of `/proc/net/tcp`. https://docs.kernel.org/networking/proc_net_tcp.html */
const listening = "0A";

/** Whether a table of sockets (`/proc/net/tcp` and `tcp6`) has one that takes connections at this port from outside of its own machine. */
export function isListening(table: string, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const [address = "", at] = local.split(":");
    return state === listening && at === wanted && !isLoopback(address);
  });
}

/** Addresses are written as words of the machine's byte order: 127.0.0.1 is 0100007F, ::1 ends with 01000000. */
function isLoopback(address: string): boolean {
  return address.length === 8 ? address.endsWith("7F") : /^0{24}01000000$/.test(address);
}

import { describe, expect, it } from "vitest";
import { isListening } from "../../../../lib/engine/listening-port.ts";

const head = "  sl  local_address rem_address   st tx_queue rx_queue\n";
const v4 = (local: string, state: string) =>
  `${head}   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000\n`;

describe("isListening", () => {
  it.each([
    ["any address", v4("00000000:1F90", "0A"), true],
    ["an address of the network", v4("0501580A:1F90", "0A"), true],
    ["any IPv6 address", v4("00000000000000000000000000000000:1F90", "0A"), true],
    ["127.0.0.1", v4("0100007F:1F90", "0A"), false],
    ["127.8.8.8", v4("0808087F:1F90", "0A"), false],
    ["::1", v4("00000000000000000000000001000000:1F90", "0A"), false],
    ["another port", v4("00000000:1F91", "0A"), false],
    ["a connection", v4("00000000:1F90", "01"), false],
    ["nothing", head, false],
  ])("tells %s", (_what, table, expected) => expect(isListening(table, 8080)).toBe(expected));
});

import { describe, expect, it } from "vitest";
import { terminalLog } from "../../../cli/terminal-log.ts";
import { TerminalScreen } from "../../../cli/terminal-screen.ts";

function screenOf(isTTY: boolean) {
  const written: string[] = [];
  const write = (chunk: string | Uint8Array) => {
    written.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
    return true;
  };
  return { screen: new TerminalScreen({ isTTY, columns: 60, write }), text: () => written.join("") };
}

describe("a screen", () => {
  it("that is no terminal holds plain lines only", () => {
    const { screen, text } = screenOf(false);
    const log = terminalLog(screen, { collapse: true, verbose: false });
    screen.begin("push");
    log.info("pushing");
    screen.detail("half");
    screen.write(Buffer.from("from the test"));
    screen.end();
    screen.print("done");
    expect(text()).toBe("  pushing\nfrom the test\ndone\n");
  });

  it("that is a terminal keeps a live line under what stays, and clears it at the end", () => {
    const { screen, text } = screenOf(true);
    const log = terminalLog(screen, { collapse: true, verbose: false });
    screen.begin("push");
    log.progress({ label: "layer", done: 5_000_000, total: 10_000_000, unit: "bytes" });
    screen.end();
    screen.print("done");
    expect(text().replace(/\d+ ms/g, "N ms")).toBe(
      "\r\u001b[2K  push  N ms  \r\u001b[2K  push  N ms  layer: 5.0 MB of 10 MB (50 %)\r\u001b[2Kdone\n",
    );
  });

  it("hides secrets in every line", () => {
    const { screen, text } = screenOf(false);
    screen.mask("hunter2");
    screen.print("password hunter2 hunter2");
    expect(text()).toBe("password *** ***\n");
  });
});

import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { askSecret, type Keyboard } from "../../../../cli/runners/ask-secret.ts";

class TestKeyboard extends EventEmitter {
  readonly isTTY: boolean;
  raw = false;
  constructor(isTTY = true) {
    super();
    this.isTTY = isTTY;
  }
  setRawMode(raw: boolean) {
    this.raw = raw;
    return this;
  }
  resume() {
    return this;
  }
  pause() {
    return this;
  }
}

function ask(keyboard: TestKeyboard) {
  const written: string[] = [];
  const screen = { write: (chunk: string | Uint8Array) => written.push(String(chunk)) > 0 };
  return { answer: askSecret("Token: ", keyboard as unknown as Keyboard, screen), written };
}

describe("askSecret", () => {
  it("takes a line, typed with slips or pasted, and shows nothing of it", async () => {
    const keyboard = new TestKeyboard();
    const { answer, written } = ask(keyboard);
    for (const piece of ["gh", "x\u007f", "p_secret", "\rrest"]) keyboard.emit("data", Buffer.from(piece));
    expect([await answer, written, keyboard.raw]).toEqual(["ghp_secret", ["Token: ", "\n"], false]);
  });

  it("ends on Ctrl-C with the terminal as it was", async () => {
    const keyboard = new TestKeyboard();
    const { answer } = ask(keyboard);
    keyboard.emit("data", Buffer.from("abc\u0003"));
    await expect(answer).rejects.toThrow("Cancelled by SIGINT.");
    expect(keyboard.raw).toBe(false);
  });

  it("asks nothing where there is no terminal", async () => {
    const { answer, written } = ask(new TestKeyboard(false));
    expect([await answer, written]).toEqual([undefined, []]);
  });
});

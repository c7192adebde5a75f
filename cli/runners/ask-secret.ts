import type { ReadStream } from "node:tty";
import { CancelledError } from "../../lib/error.ts";
import type { ScreenStream } from "../terminal-screen.ts";

/** A terminal's keyboard: what reads single keys without showing them. */
export type Keyboard = Pick<ReadStream, "isTTY" | "setRawMode" | "on" | "off" | "resume" | "pause">;

/**
 * Asks for a line on a terminal and shows nothing of it; undefined where there is no terminal. Throws CancelledError on Ctrl-C and on the
 * end of the input.
 */
export async function askSecret(
  question: string,
  keyboard: Keyboard,
  screen: ScreenStream,
): Promise<string | undefined> {
  if (!keyboard.isTTY) return undefined;
  screen.write(question);
  keyboard.setRawMode(true);
  keyboard.resume();
  try {
    return await readLine(keyboard);
  } finally {
    keyboard.setRawMode(false);
    keyboard.pause();
    screen.write("\n");
  }
}

const endOfText = "\u0003";
const endOfInput = "\u0004";
const backspaces = ["\u007f", "\b"];

function readLine(keyboard: Keyboard): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = "";
    const finish = (settle: () => void) => {
      keyboard.off("data", take);
      settle();
    };
    const take = (bytes: Buffer) => {
      // A pasted token comes as one piece, often with its newline.
      for (const key of bytes.toString("utf8")) {
        if (key === "\r" || key === "\n") return finish(() => resolve(line.trim()));
        if (key === endOfText || key === endOfInput) return finish(() => reject(new CancelledError("SIGINT")));
        line = backspaces.includes(key) ? line.slice(0, -1) : line + key;
      }
    };
    keyboard.on("data", take);
  });
}

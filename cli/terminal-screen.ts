import { formatDuration } from "../lib/duration.ts";

/** Where lines for people go: standard error, or a buffer in a test. */
export interface ScreenStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(chunk: string | Uint8Array): boolean;
}

const redrawMs = 200;
const clearLine = "\r\u001b[2K";

/**
 * Lines for people on a terminal, above one live line that says what runs and for how long. On anything else than a terminal there is
 * no live line: every line stays.
 */
export class TerminalScreen {
  readonly live: boolean;
  readonly #stream: ScreenStream;
  #status: { readonly title: string; readonly startedAt: number; detail: string } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #drawn = false;
  #atLineStart = true;
  #secrets: string[] = [];

  constructor(stream: ScreenStream) {
    this.#stream = stream;
    this.live = stream.isTTY === true;
  }

  /** Prints a line that stays. */
  print(line: string): void {
    this.#clear();
    this.#stream.write(`${this.#atLineStart ? "" : "\n"}${this.#masked(line)}\n`);
    this.#atLineStart = true;
    this.#draw();
  }

  /** Writes bytes of a test's log as they are. */
  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#clear();
    this.#stream.write(bytes);
    if (this.#status) this.#status.detail = "";
    this.#atLineStart = bytes.at(-1) === 10;
    this.#draw();
  }

  /** Begins the live line of a stage. */
  begin(title: string): void {
    this.#status = { title, startedAt: performance.now(), detail: "" };
    if (this.live) this.#timer = setInterval(() => this.#draw(), redrawMs).unref();
    this.#draw();
  }

  /** Says on the live line what the stage is at. */
  detail(text: string): void {
    if (this.#status) this.#status.detail = this.#masked(text.split("\n", 1)[0] ?? "");
    this.#draw();
  }

  /** Ends the live line. */
  end(): void {
    clearInterval(this.#timer);
    this.#clear();
    this.#status = undefined;
  }

  /** Hides a value in every line from now on. */
  mask(secret: string): void {
    if (secret.trim() !== "") this.#secrets.push(secret);
  }

  #masked(text: string): string {
    return this.#secrets.reduce((hidden, secret) => hidden.replaceAll(secret, "***"), text);
  }

  #draw(): void {
    if (!this.live || !this.#status || !this.#atLineStart) return;
    const { title, startedAt, detail } = this.#status;
    const text = `  ${title}  ${formatDuration(performance.now() - startedAt)}  ${detail}`;
    this.#stream.write(`${clearLine}${text.slice(0, (this.#stream.columns ?? 80) - 1)}`);
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn) this.#stream.write(clearLine);
    this.#drawn = false;
  }
}

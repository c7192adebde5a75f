import { randomBytes } from "node:crypto";

/** Secrets of many lengths, as an attacker's or a careless test's log would hold them. */
export const secrets: readonly string[] = Array.from(
  { length: 100 },
  (_, index) => `${index}-${randomBytes(6 + (index % 30)).toString("base64")}`,
);

const plainLine = "[ 1234.567890] epoch 12/100 step 3456: loss=0.123456 throughput=1234.5 samples/s device=0 ok\n";
/** Everything that would drive the runner or the terminal (performance-reliability.md F43 to F45). */
const commands = [
  "::set-output name=a::b",
  "::add-mask::x",
  "::stop-commands::x",
  "\u2003::error::y",
  "text ##[error]x",
  "a\r::error::y",
  "##[group]g",
  "::endgroup::",
  "\u001b]8;;https://x\u0007link\u001b]8;;\u0007 \u001b]0;title\u0007\u001b[2J\u001b[31mred\u001b[0m",
  "ü € \u{1f680} \u0000 nul",
];
/** Secrets as they are, in base64, in a URL and in JSON, and the beginning of one (F46). */
const leaks = [7, 31, 77].flatMap((index) => {
  const secret = secrets[index] ?? "";
  return [secret, Buffer.from(secret).toString("base64"), encodeURIComponent(secret), secret.slice(0, 9)];
});

/** Four kinds of logs, each a text to be repeated. */
export const logs: Readonly<Record<string, string>> = {
  plain: plainLine,
  colours: "\u001b[32mPASS\u001b[0m test/vector_add.cu \u001b[90m(12 ms)\u001b[0m some more words of the same line\n",
  "progress bars": `${"\rDownloading  45% [=====>      ] 12.3 MB/s".repeat(5)}\n`,
  hostile: [...commands, ...leaks].map((line) => `${plainLine.repeat(10)}${line}\n`).join(""),
};

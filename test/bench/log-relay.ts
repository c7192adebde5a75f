import { randomBytes } from "node:crypto";
import { createFenceToken, createLogRelay } from "../../lib/log-relay.ts";

// Prints MB/s, cpu-s/GB and peak memory of the log relay (goal P24: 150 MB/s, 4 cpu-s/GB, 100 MB) for four kinds of logs with 100 secrets.

const sumBytes = 400_000_000;
const secrets = Array.from(
  { length: 100 },
  (_, index) => `${index}-${randomBytes(6 + (index % 30)).toString("base64")}`,
);

const plainLine = "[ 1234.567890] epoch 12/100 step 3456: loss=0.123456 throughput=1234.5 samples/s device=0 ok\n";
const logs: Record<string, string> = {
  plain: plainLine,
  "with colours":
    "\u001b[32mPASS\u001b[0m test/vector_add.cu \u001b[90m(12 ms)\u001b[0m some more words of the same line\n",
  "with progress bars": `${"\rDownloading  45% [=====>      ] 12.3 MB/s".repeat(5)}\n`,
  "hostile mix": `${plainLine.repeat(20)}text ##[error]x\r::error::y \u00fc \u20ac ${secrets[7]}\n${secrets[50]?.slice(0, 9)}\n`,
};

for (const [name, text] of Object.entries(logs)) await measure(name, text);

async function measure(name: string, text: string): Promise<void> {
  const chunk = Buffer.from(text.repeat(Math.ceil(65_536 / text.length))).subarray(0, 65_536);
  let writtenBytes = 0;
  const write = async (bytes: Uint8Array) => {
    writtenBytes += bytes.length;
  };
  const relay = createLogRelay({
    write,
    mask: secrets,
    fence: createFenceToken(),
    limitBytes: Number.POSITIVE_INFINITY,
  });
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  for (let done = 0; done < sumBytes; done += chunk.length) await relay.push(chunk);
  await relay.end();
  const seconds = (performance.now() - startedAt) / 1000;
  const used = process.cpuUsage(cpu);
  const cpuPerGb = ((used.user + used.system) / 1e6 / sumBytes) * 1e9;
  const rssMb = process.resourceUsage().maxRSS / 1000;
  console.log(
    `${name.padEnd(20)} ${(sumBytes / 1e6 / seconds).toFixed(0).padStart(5)} MB/s  ${cpuPerGb.toFixed(2)} cpu-s/GB  ${rssMb.toFixed(0)} MB peak  ${writtenBytes} bytes written`,
  );
}

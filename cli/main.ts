import { commandLine } from "./command-line.ts";

// Whoever reads the result may stop early (`gpu-ci --help | head`): the verdict stays what it is. A result that is lost otherwise is an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") process.exit(3);
  });
}
process.exitCode = await commandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
// A connection that is kept alive must not keep the terminal waiting.
setTimeout(() => process.exit(), 1000).unref();

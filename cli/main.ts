import { commandLine } from "./command-line.ts";

// Whoever reads the result may stop early: `gpu-ci --help | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 3));
process.exitCode = await commandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
// A connection that is kept alive must not keep the terminal waiting.
setTimeout(() => process.exit(), 1000).unref();

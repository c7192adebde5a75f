import { commandLine } from "./command-line.ts";

process.exitCode = await commandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
// A connection that is kept alive must not keep the terminal waiting.
setTimeout(() => process.exit(), 1000).unref();

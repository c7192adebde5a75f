// The whole pipeline on the example, on any machine: npm run demo [-- --gpus 1 | --down | --help]

import { UsageError } from "../cli/usage-error.ts";
import { describeError, exitCodeOfError } from "../lib/error.ts";
import { demo } from "./demo/demo.ts";

try {
  process.exitCode = await demo(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? error.message : describeError(error));
  process.exitCode = error instanceof UsageError ? 2 : exitCodeOfError(error);
}
// A connection that is kept alive must not keep the terminal waiting.
setTimeout(() => process.exit(), 1000).unref();

import type { TestPod } from "./test-pod.ts";

/** Everything of a test that no log, report or message may show. */
export function secretsOf({ secretEnv, masked = [], secretFiles = [] }: TestPod): readonly string[] {
  const files = secretFiles.map(({ content }) => Buffer.from(content).toString("utf8").trim());
  return [...Object.values(secretEnv), ...masked, ...files];
}

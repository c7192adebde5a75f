import type { TestPod } from "./test-pod.ts";

/** Everything of a test that no log, report or message may show. */
export function secretsOf({ secretEnv, masked = [] }: Pick<TestPod, "secretEnv" | "masked">): readonly string[] {
  return [...Object.values(secretEnv), ...masked];
}

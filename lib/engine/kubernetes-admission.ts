import type { TestPod } from "./test-pod.ts";

/** Why the API server did not take a pod, and whether it may take it later. */
export interface Refusal {
  readonly isFinal: boolean;
  readonly words: string;
}

/** Reads the message of a refused pod or Job: a full quota may be freed, everything else stays refused. */
export function judgeRefusal(message: string, pod: Pick<TestPod, "name" | "runAs">): Refusal {
  const words = `Job ${pod.name}: ${message.trim()}`;
  if (/exceeded quota/i.test(message)) return { isFinal: false, words };
  if (/violates PodSecurity/i.test(message)) {
    const hint =
      pod.runAs === "image" ? "\nSet run-as: nonroot when the namespace enforces the restricted profile." : "";
    return { isFinal: true, words: `${words}${hint}` };
  }
  const isFinal = /forbidden|denied the request|is invalid|Invalid value|not found|error looking up/i.test(message);
  return { isFinal, words };
}

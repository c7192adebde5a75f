import { parseQuantity } from "../kubernetes/quantity.ts";
import type { TestPod } from "./test-pod.ts";

/** Why the API server did not take a pod, and whether it may take it later. */
export interface Refusal {
  readonly isFinal: boolean;
  readonly words: string;
}

/** Reads the message of a refused pod or Job: a quota that is full may be freed, one that is too small and everything else stays refused. */
export function judgeRefusal(message: string, pod: Pick<TestPod, "name" | "runAs">): Refusal {
  const words = `Job ${pod.name}: ${message.trim()}`;
  if (/exceeded quota/i.test(message)) return judgeQuota(message, words);
  if (/violates PodSecurity/i.test(message)) {
    const hint =
      pod.runAs === "image" ? "\nSet run-as: nonroot when the namespace enforces the restricted profile." : "";
    return { isFinal: true, words: `${words}${hint}` };
  }
  const isFinal = /forbidden|denied the request|is invalid|Invalid value|not found|error looking up|failed quota/i.test(
    message,
  );
  return { isFinal, words };
}

/** `exceeded quota: NAME, requested: KEY=AMOUNT,…, used: …, limited: …`: what is more than the limit never fits. */
function judgeQuota(message: string, words: string): Refusal {
  const requested = amountsOf(/requested: ([^ ]*?)(?:, used|$)/.exec(message)?.[1]);
  const limited = amountsOf(/limited: ([^ ]*)/.exec(message)?.[1]);
  const tooSmall = [...requested].filter(([key, amount]) => amount > (limited.get(key) ?? Number.POSITIVE_INFINITY));
  if (tooSmall.length === 0) return { isFinal: false, words };
  return { isFinal: true, words: `${words}\nThe quota is smaller than the request: it is of no use to wait.` };
}

function amountsOf(text: string | undefined): Map<string, number> {
  const pairs = (text ?? "").split(",").map((pair) => pair.split("=") as [string, string?]);
  return new Map(pairs.map(([key, amount]) => [key, parseQuantity(amount)]));
}

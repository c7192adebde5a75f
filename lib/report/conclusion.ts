/** How a test run ended, for outputs and exit codes (interfaces.md 3). */
export type Conclusion = "success" | "failure" | "timed-out" | "usage" | "infrastructure" | "cancelled";

/**
 * Every reason a run can end for, with its conclusion and whether the same run may succeed when tried again. The list is closed:
 * the action's README documents it, and every engine picks from it.
 */
export const reasons = {
  passed: {
    conclusion: "success",
    retryable: false,
    meaning: "The command ended with exit code 0 and no required case failed.",
  },
  "test-failed": {
    conclusion: "failure",
    retryable: false,
    meaning: "The command ended with another exit code than 0.",
  },
  "cases-failed": {
    conclusion: "failure",
    retryable: false,
    meaning: "The command ended with exit code 0, but a result file holds failed cases.",
  },
  "gpu-cases-skipped": {
    conclusion: "failure",
    retryable: false,
    meaning: "A GPU was required, but GPU cases were skipped.",
  },
  "results-missing": {
    conclusion: "failure",
    retryable: false,
    meaning: "No file matched `results`, or none of them could be read.",
  },
  "out-of-memory": {
    conclusion: "failure",
    retryable: false,
    meaning: "The kernel ended the test at its memory limit, whatever its exit code.",
  },
  "timed-out": { conclusion: "timed-out", retryable: false, meaning: "The test ran longer than `timeout`." },
  "pending-timeout": {
    conclusion: "infrastructure",
    retryable: true,
    meaning: "The test had not started within `pending-timeout`.",
  },
  unschedulable: {
    conclusion: "infrastructure",
    retryable: false,
    meaning: "No node can ever run the pod as it is asked for.",
  },
  "image-pull-failed": { conclusion: "infrastructure", retryable: true, meaning: "The node could not pull the image." },
  "container-start-failed": {
    conclusion: "infrastructure",
    retryable: false,
    meaning: "The container could not be created or started.",
  },
  "admission-refused": {
    conclusion: "infrastructure",
    retryable: false,
    meaning: "The API server, a quota or a policy refused the pod.",
  },
  "stack-failed": {
    conclusion: "infrastructure",
    retryable: false,
    meaning: "An object of `manifests` could not be made, or failed before the test began.",
  },
  evicted: { conclusion: "infrastructure", retryable: true, meaning: "The node or the scheduler removed the pod." },
  "pod-deleted": {
    conclusion: "infrastructure",
    retryable: true,
    meaning: "Somebody deleted the pod or the Job while it ran.",
  },
  "node-lost": { conclusion: "infrastructure", retryable: true, meaning: "The node stopped answering." },
  "api-unreachable": {
    conclusion: "infrastructure",
    retryable: true,
    meaning: "The API server did not answer for longer than we wait.",
  },
  "not-authorized": {
    conclusion: "infrastructure",
    retryable: false,
    meaning: "The account may not do what the run needs.",
  },
  "engine-failed": { conclusion: "infrastructure", retryable: true, meaning: "podman or docker failed." },
  unknown: {
    conclusion: "infrastructure",
    retryable: true,
    meaning: "No exit code could be read: never taken for success.",
  },
  "not-started": {
    conclusion: "infrastructure",
    retryable: false,
    meaning:
      "What the test needs could not be had: a cluster, an engine, a registry or the image. Nothing was created.",
  },
  usage: { conclusion: "usage", retryable: false, meaning: "An input is wrong; nothing was created." },
  cancelled: { conclusion: "cancelled", retryable: true, meaning: "The run was cancelled." },
} as const satisfies Record<string, { conclusion: Conclusion; retryable: boolean; meaning: string }>;

export type Reason = keyof typeof reasons;

const exitCodes = { success: 0, failure: 1, "timed-out": 1, usage: 2, infrastructure: 3, cancelled: 130 } as const;

/** The exit code of a conclusion (design.md rule 2). */
export function exitCodeOf(conclusion: Conclusion): 0 | 1 | 2 | 3 | 130 {
  return exitCodes[conclusion];
}

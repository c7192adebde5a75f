import { expect, it } from "vitest";
import { explainMissingPod } from "../../../../lib/engine/kubernetes-missing-pod.ts";
import { explainCreation } from "../../../../lib/engine/kubernetes-pod-events.ts";
import { type ApiHandler, startKubernetesApi } from "../../../support/kubernetes-api.ts";
import { testPodOf } from "../../../support/test-pod.ts";

type Words = ["says", string] | ["gives up", string, string];

/** What is told of a pod that is not there (or, by its name, not made) when the API answers so. */
async function told(handler: ApiHandler, podName?: string): Promise<readonly Words[]> {
  await using api = await startKubernetesApi(handler);
  const words: Words[] = [];
  const options = {
    cluster: await api.connect(),
    signal: AbortSignal.timeout(20_000),
    say: (message: string) => void words.push(["says", message]),
    giveUp: (reason: string, detail: string) => void words.push(["gives up", reason, detail]),
  };
  const placement = { ...testPodOf().placement, queueName: "gpus" };
  if (podName === undefined) await explainMissingPod({ ...options, pod: testPodOf({ name: "test", placement }) });
  else await explainCreation(podName, options);
  return words;
}

const jobWith = (job: object, events: readonly object[] = [], workloads?: readonly object[]): ApiHandler => {
  return ({ path }, reply) => {
    if (path.endsWith("/jobs/test")) return reply.json({ metadata: { name: "test", uid: "u" }, ...job });
    if (path.endsWith("/events")) return reply.json({ items: events, metadata: {} });
    if (path.endsWith("/workloads") && workloads) return reply.json({ items: workloads, metadata: {} });
    return reply.refuse(404, "NotFound");
  };
};
const suspended = { spec: { suspend: true } };

it.each<[string, ApiHandler, Words]>([
  [
    "the queue's own words",
    jobWith(
      suspended,
      [],
      [{ status: { conditions: [{ type: "QuotaReserved", status: "False", message: "3 before it" }] } }],
    ),
    ["says", "Job test is suspended until queue gpus admits it. 3 before it"],
  ],
  [
    "a queue that nobody serves",
    jobWith(suspended),
    ["says", "Job test is suspended until queue gpus admits it. This cluster has no Kueue that would."],
  ],
  [
    "a Job that ended and whose pod is gone",
    jobWith({ status: { conditions: [{ type: "Failed", status: "True", reason: "DeadlineExceeded" }] } }),
    ["gives up", "pod-deleted", "Job test has ended (DeadlineExceeded), and its pod is gone."],
  ],
  [
    "a Job that is gone itself",
    (_call, reply) => reply.refuse(404, "NotFound"),
    ["gives up", "pod-deleted", "Somebody deleted Job test before it had a pod."],
  ],
  ["a Job that is new", jobWith({}), ["says", "Job test has no pod yet."]],
  [
    "a pod that was refused",
    jobWith({}, [{ reason: "FailedCreate", message: 'pods "x" is forbidden: no PriorityClass with name moon' }]),
    ["gives up", "admission-refused", 'Job test: pods "x" is forbidden: no PriorityClass with name moon'],
  ],
])("a missing pod is explained by %s", async (_name, handler, words) => {
  expect(await told(handler)).toEqual([words]);
});

it.each<[string, string, Words]>([
  [
    "a runtime that the node does not have",
    'Failed to create pod sandbox: no runtime for "nvidia" is configured',
    [
      "gives up",
      "container-start-failed",
      'The container could not be started: FailedCreatePodSandBox: Failed to create pod sandbox: no runtime for "nvidia" is configured',
    ],
  ],
  [
    "a network that is not ready yet",
    "Failed to create pod sandbox: cni plugin not initialized",
    ["says", "FailedCreatePodSandBox: Failed to create pod sandbox: cni plugin not initialized"],
  ],
])("a pod that is not made is explained by %s", async (_name, message, words) => {
  const handler: ApiHandler = (_call, reply) =>
    reply.json({ items: [{ reason: "FailedCreatePodSandBox", message }], metadata: {} });
  expect(await told(handler, "test-x")).toEqual([words]);
});

it("a node that cannot be asked says nothing of a pod that is not made", async () => {
  expect(await told((_call, reply) => reply.json({ items: [], metadata: {} }), "test-x")).toEqual([]);
});

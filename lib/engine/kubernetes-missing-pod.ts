import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { getObject, listObjects } from "../kubernetes/object.ts";
import { type ApiObject, events, type Job, jobs, type Resource } from "../kubernetes/resource.ts";
import { judgeRefusal } from "./kubernetes-admission.ts";
import type { ExplainOptions } from "./kubernetes-pod-events.ts";
import type { TestPod } from "./test-pod.ts";

export interface MissingPodOptions extends ExplainOptions {
  readonly pod: TestPod;
}

interface Workload extends ApiObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

/** https://kueue.sigs.k8s.io/docs/concepts/workload/ */
const workloads: Resource<Workload> = {
  group: "kueue.x-k8s.io",
  version: "v1beta1",
  plural: "workloads",
  kind: "Workload",
  namespaced: true,
};

/** Says why a Job has no pod: it is suspended by a queue, or its pod was refused; gives up when it never will have one. */
export async function explainMissingPod({ cluster, pod, giveUp, signal, say }: MissingPodOptions): Promise<void> {
  const job = await getObject(cluster, jobs, pod.name, { signal });
  if (!job) return giveUp("pod-deleted", `Somebody deleted Job ${pod.name} before it had a pod.`);
  if (job.spec?.suspend) return say(await suspendedWords(cluster, job, pod, signal));
  const ended = job.status?.conditions?.find(
    ({ type, status }) => /^(Failed|Complete)$/.test(type) && status === "True",
  );
  if (ended)
    return giveUp("pod-deleted", `Job ${pod.name} has ended (${ended.reason ?? ended.type}), and its pod is gone.`);
  const { items } = await listObjects(cluster, events, {
    fieldSelector: `involvedObject.kind=Job,involvedObject.name=${pod.name}`,
    signal,
  });
  const refused = items.findLast(({ reason }) => reason === "FailedCreate");
  if (!refused?.message) return say(`Job ${pod.name} has no pod yet.`);
  const refusal = judgeRefusal(refused.message, pod);
  if (refusal.isFinal) giveUp("admission-refused", refusal.words);
  else say(refusal.words);
}

/** What the queue says of a suspended Job, in its Workload's conditions. */
async function suspendedWords(cluster: Cluster, job: Job, pod: TestPod, signal: AbortSignal): Promise<string> {
  const words = `Job ${pod.name} is suspended until queue ${pod.placement.queueName ?? ""} admits it.`;
  const labelSelector = `kueue.x-k8s.io/job-uid=${job.metadata?.uid}`;
  try {
    const { items } = await listObjects(cluster, workloads, { labelSelector, signal });
    const conditions = items.flatMap(({ status }) => status?.conditions ?? []);
    const said =
      conditions.find(({ type, status }) => type === "QuotaReserved" && status !== "True") ?? conditions.at(-1);
    return said?.message ? `${words} ${said.message}` : words;
  } catch (error) {
    if (isStatus(error, 404)) return `${words} This cluster has no Kueue that would.`;
    if (isStatus(error, 403)) return words;
    throw error;
  }
}

import { randomBytes } from "node:crypto";
import { connectKubernetes } from "../../lib/kubernetes/client.ts";
import { createObject, deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import {
  type ApiObject,
  configMaps,
  events,
  jobs,
  namespaces,
  pods,
  type Resource,
  secrets,
} from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";

/** A namespace of the real cluster for one test file, and what happened in it. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
  /** Names of the Jobs that ran in it, from the cluster's own events: these outlive the Jobs. */
  jobsThatRan(): Promise<readonly string[]>;
  /** Jobs, Pods and Secrets that are there now. */
  objects(): Promise<readonly string[]>;
  /** Makes an empty ConfigMap. */
  addConfigMap(name: string): Promise<void>;
}

/** Makes a namespace on the cluster that KUBECONFIG names; it goes with the test. */
export async function createTestNamespace(prefix: string): Promise<TestNamespace> {
  const { env } = process;
  if (!env.KUBECONFIG) throw new Error("KUBECONFIG names no cluster; these tests run on a real one.");
  const name = `${prefix}-${randomBytes(3).toString("hex")}`;
  const cluster = await connectKubernetes({
    kubeconfig: undefined,
    context: undefined,
    namespace: name,
    env,
    log: silentLog,
  });
  await createObject(cluster, namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  return {
    name,
    jobsThatRan: async () => {
      const { items } = await listObjects(cluster, events, {
        fieldSelector: "involvedObject.kind=Job,reason=SuccessfulCreate",
      });
      return [...new Set(items.map(({ involvedObject }) => involvedObject.name ?? ""))];
    },
    objects: async () => {
      const names = async <T extends ApiObject>(resource: Resource<T>) =>
        (await listObjects(cluster, resource)).items.map(({ metadata }) => `${resource.kind} ${metadata?.name}`);
      return (await Promise.all([names(jobs), names(pods), names(secrets)])).flat();
    },
    addConfigMap: async (map) => {
      await createObject(cluster, configMaps, { metadata: { name: map } });
    },
    [Symbol.asyncDispose]: async () => {
      await deleteObject(cluster, namespaces, name);
    },
  };
}

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface KubeconfigSearch {
  /** Path or content. */
  readonly kubeconfig?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly serviceAccountDirectory?: string;
  readonly microk8sConfig?: string;
}

/** Where a kubeconfig is, found without reading one. */
export type KubeconfigPlace = {
  /** For people. */
  readonly description: string;
} & (
  | { readonly kind: "content"; readonly text: string }
  | { readonly kind: "files"; readonly paths: readonly string[] }
  | { readonly kind: "service-account"; readonly directory: string }
);

/**
 * The first of: the input, KUBECONFIG, the pod's own service account, ~/.kube/config, microk8s' client configuration. A path that was
 * given is the answer even where it does not exist, so that a typing error is never answered by another cluster.
 */
export function findKubeconfigPlace(search: KubeconfigSearch): KubeconfigPlace | undefined {
  const { kubeconfig, env } = search;
  if (kubeconfig !== undefined && isContent(kubeconfig))
    return { description: "the content of the input kubeconfig", kind: "content", text: kubeconfig };
  if (kubeconfig) return files(`the input kubeconfig (${kubeconfig})`, [kubeconfig]);
  if (env.KUBECONFIG) return files(`KUBECONFIG (${env.KUBECONFIG})`, env.KUBECONFIG.split(delimiter).filter(Boolean));
  const { serviceAccountDirectory: directory = "/var/run/secrets/kubernetes.io/serviceaccount" } = search;
  if (env.KUBERNETES_SERVICE_HOST && existsSync(join(directory, "token")))
    return { description: "the pod's own service account", kind: "service-account", directory };
  const { microk8sConfig = "/var/snap/microk8s/current/credentials/client.config" } = search;
  const usual = [...(env.HOME ? [join(env.HOME, ".kube", "config")] : []), microk8sConfig].find((path) =>
    existsSync(path),
  );
  return usual === undefined ? undefined : files(usual, [usual]);
}

function isContent(text: string): boolean {
  return text.includes("\n") || text.trimStart().startsWith("{");
}

function files(description: string, paths: readonly string[]): KubeconfigPlace {
  return { description, kind: "files", paths };
}

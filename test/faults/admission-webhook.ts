import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { createObject, deleteObject } from "../../lib/kubernetes/object.ts";
import type { ApiObject, Resource } from "../../lib/kubernetes/resource.ts";
import type { JobScene } from "./job-scene.ts";
import { makeCertificate } from "./make-certificate.ts";

const webhooks: Resource<ApiObject> = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
  namespaced: false,
};

/** A real admission webhook on this machine, which refuses every pod of the scene's namespace in words of its own. */
export async function refusePods({ cluster, namespace, folder, undo }: JobScene): Promise<void> {
  const { key, cert } = await makeCertificate(folder);
  const refuse = async (request: IncomingMessage, reply: ServerResponse) => {
    const { request: review } = (await json(request)) as { request: { uid: string } };
    const response = { uid: review.uid, allowed: false, status: { message: "no pods on a full moon" } };
    reply.writeHead(200, { "Content-Type": "application/json" });
    reply.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }));
  };
  const server = https.createServer({ key, cert }, (request, reply) => void refuse(request, reply));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  undo.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const webhook = {
    name: "moon.example.com",
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(cert).toString("base64") },
    rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }],
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
  };
  const configuration: ApiObject & { webhooks: object[] } = { metadata: { name: namespace }, webhooks: [webhook] };
  await createObject(cluster, webhooks, configuration);
  undo.defer(async () => void (await deleteObject(cluster, webhooks, namespace)));
}

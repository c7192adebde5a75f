import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { create } from "tar";
import { exec, findProgram } from "../../lib/exec.ts";
import { createObject, getObject } from "../../lib/kubernetes/object.ts";
import { type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import { openLayout } from "../../lib/oci/layout-source.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { writeLayout } from "./image-layout.ts";
import type { RealCluster } from "./real-cluster.ts";

/** As the official image has it: answers about blobs are kept in memory. */
const configuration = `version: 0.1
log: {level: error}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ":5000"}
`;

/** Starts a registry in a pod of its own, made of this machine's docker-registry and busybox, and gives its `host:port`. */
export async function startRegistryPod(real: RealCluster): Promise<string> {
  const { cluster, namespace } = real;
  const image = await pushRegistryImage(process.env.REGISTRY ?? "");
  const pod: Pod = {
    metadata: { name: "registry", labels: { app: "registry" } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "registry",
          image,
          command: ["/bin/registry", "serve", "/etc/docker/registry/config.yml"],
          volumeMounts: [{ name: "data", mountPath: "/var/lib/registry" }],
          readinessProbe: { tcpSocket: { port: 5000 }, periodSeconds: 1 },
        },
      ],
      volumes: [{ name: "data", emptyDir: {} }],
    },
  };
  await createObject(cluster, pods, pod, { namespace });
  const isReady = ({ status }: Pod) =>
    status?.conditions?.some(({ type, status: state }) => type === "Ready" && state === "True") === true;
  await real.waitForPod("registry", isReady);
  const started = await getObject(cluster, pods, "registry", { namespace });
  return `${started?.status?.podIP}:5000`;
}

async function pushRegistryImage(registry: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-registry-image-"));
  try {
    await writeRoot(join(folder, "root"));
    await create({ cwd: join(folder, "root"), file: join(folder, "layer.tar"), portable: true, mtime: new Date(0) }, [
      ".",
    ]);
    const layers = [await readFile(join(folder, "layer.tar"))];
    await writeLayout(join(folder, "layout"), { layers, config: { Env: ["PATH=/bin"] } });
    using client = openRegistry({ registry, env: {}, log: silentLog });
    const source = await openLayout(join(folder, "layout"));
    const repository = "gpu-test/registry";
    const { digest } = await pushImage({ source, client, repository, tags: [], parallel: 2, log: silentLog });
    return `${registry}/${repository}@${digest}`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeRoot(root: string): Promise<void> {
  const [busybox, registry] = await Promise.all(["busybox", "docker-registry"].map((name) => findProgram(exec, name)));
  if (!busybox || !registry) throw new Error("Install Debian's packages busybox-static and docker-registry.");
  for (const path of ["bin", "tmp", "etc/docker/registry"]) await mkdir(join(root, path), { recursive: true });
  await copyFile(registry, join(root, "bin/registry"));
  await copyFile(busybox, join(root, "bin/busybox"));
  for (const applet of ["sh", "cat", "env", "find", "stat", "kill", "touch"]) {
    await symlink("busybox", join(root, "bin", applet));
  }
  const { stdout } = await exec("ldd", [registry]);
  for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g)) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await copyFile(library, join(root, dirname(library), basename(library)));
  }
  await writeFile(join(root, "etc/docker/registry/config.yml"), configuration);
}

import type { V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import type { Plain } from "../kubernetes/resource.ts";
import type { SecretFile, TestPod } from "./test-pod.ts";

const volumeName = "gpu-ci-files";

/** The files' data in the run's Secret. */
export function secretFileData({ secretFiles = [] }: TestPod): Readonly<Record<string, string>> {
  return Object.fromEntries(
    secretFiles.map(({ content }, index) => [keyOf(index), Buffer.from(content).toString("base64")]),
  );
}

/** The volume of all of them, out of the run's Secret. */
export function secretFileVolumes({ secretFiles = [], name }: TestPod): Plain<V1Volume>[] {
  if (secretFiles.length === 0) return [];
  const items = secretFiles.map((_, index) => ({ key: keyOf(index), path: keyOf(index) }));
  return [{ name: volumeName, secret: { secretName: name, defaultMode: 0o444, items } }];
}

/** Each at its own path, beside whatever the image has in that folder. */
export function secretFileMounts({ secretFiles = [] }: TestPod): Plain<V1VolumeMount>[] {
  return secretFiles.map(({ mountPath }: SecretFile, index) => ({
    name: volumeName,
    mountPath,
    subPath: keyOf(index),
    readOnly: true,
  }));
}

function keyOf(index: number): string {
  return `file.${index}`;
}

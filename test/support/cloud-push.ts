import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../lib/log.ts";
import { openLayout } from "../../lib/oci/layout-source.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { verifyImage } from "../../lib/oci/verify-image.ts";
import { type Cloud, type CloudAnswer, type CloudCall, startCloud } from "./cloud.ts";
import { writeLayout } from "./image-layout.ts";
import { startRegistry } from "./registry.ts";

export interface PushPlace {
  readonly registry: string;
  readonly repository?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly username?: string;
  readonly password?: string;
}

/** A real registry behind the hosts of clouds, and a folder for files of a login. */
export interface CloudStage extends AsyncDisposable {
  readonly folder: string;
  start(hosts: Parameters<typeof startCloud>[0]): Promise<Cloud>;
  /** Pushes a fresh image and reads every byte of it back. */
  push(cloud: Cloud, place: PushPlace): Promise<void>;
}

/** Starts the real registry of one test file. */
export async function openCloudStage(): Promise<CloudStage> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-cloud-"));
  const upstream = await startRegistry();
  return {
    folder,
    start: (hosts) => startCloud(hosts, upstream.host),
    push: async (cloud, { repository = `acme/${randomBytes(4).toString("hex")}`, ...place }) => {
      const layout = join(folder, randomBytes(4).toString("hex"));
      const { digest } = await writeLayout(layout, { layers: [randomBytes(3000), randomBytes(2000)] });
      // The certificate is the test's own.
      const env = { HOME: folder, ...cloud.env, ...place.env };
      const retry = { attempts: 2, baseMs: 1, maxMs: 5 };
      using client = openRegistry({ ...place, tlsVerify: false, env, log: silentLog, retry });
      const source = await openLayout(layout);
      await pushImage({ source, client, repository, tags: ["1.0"], parallel: 2, log: silentLog });
      await verifyImage(client, repository, digest, "full");
    },
    [Symbol.asyncDispose]: async () => {
      await upstream[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** An answer in JSON. */
export function json(value: unknown, status = 200): CloudAnswer {
  return { status, body: JSON.stringify(value) };
}

/** The fields of a form. */
export async function fieldsOf(call: CloudCall): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries(new URLSearchParams(await call.body()));
}

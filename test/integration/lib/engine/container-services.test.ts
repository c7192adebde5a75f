import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerEngine } from "../../../../lib/engine/container-engine.ts";
import type { Engine } from "../../../../lib/engine/engine.ts";
import { parseServices } from "../../../../lib/engine/service-request.ts";
import type { TestPod } from "../../../../lib/engine/test-pod.ts";
import { resolveServices } from "../../../../lib/engine/test-service.ts";
import { CancelledError } from "../../../../lib/error.ts";
import { pushBusyboxImage } from "../../../support/busybox-image.ts";
import { observe, startPodman, type TestPodman } from "../../../support/podman.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { testPodOf } from "../../../support/test-pod.ts";

let podman: TestPodman;
let registry: TestRegistry;
let engine: Engine;
let image: string;

beforeAll(async () => {
  [registry, podman] = await Promise.all([startRegistry(), startPodman()]);
  image = await pushBusyboxImage({ registry: registry.host, repository: "busybox" });
  engine = await containerEngine("podman", podman.deps);
});

afterAll(async () => {
  await podman[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

/** A test beside services, as the inputs would make it. */
function withServices(requests: object, script: string, changes: Partial<TestPod> = {}): TestPod {
  const { services, env, secretEnv } = resolveServices(parseServices("services", JSON.stringify(requests)));
  const annotations = { "gpu-ci/expires": "2999-01-01T00:00:00Z" };
  return testPodOf({ image, command: ["/bin/sh", "-c", script], annotations, services, env, secretEnv, ...changes });
}

async function run(pod: TestPod, on: Engine = engine) {
  const running = await on.start(pod);
  const [shard] = running.shards;
  if (!shard) throw new Error("no shard");
  try {
    const { log, termination } = await observe(shard);
    return { log: log.toString(), ...termination };
  } finally {
    await running.remove();
    expect([await podman.containers(), await podman.leftFiles()]).toEqual([[], []]);
  }
}

describe("services on this machine", () => {
  it("are ready one after another before the test, share localhost and a random secret with it, and see no secret in an argument", async () => {
    const serve = 'sleep 1; mkdir /tmp/www; echo "$TOKEN" > /tmp/www/token; exec httpd -f -p 8080 -h /tmp/www';
    const random = "$" + "{random}";
    const pod = withServices(
      {
        web: { image, command: serve, ports: [8080], env: { TOKEN: random } },
        cache: {
          image,
          command: "wget -qO /tmp/got http://127.0.0.1:8080/token && touch /tmp/ready; sleep 600",
          health: { command: "test -e /tmp/ready" },
        },
      },
      'got=$(wget -qO- http://$WEB_HOST:$WEB_PORT/token); [ "$got" = "$WEB_TOKEN" ] && echo same',
    );
    expect(await run(pod)).toMatchObject({ log: "same\n", reason: "passed" });
    const secret = pod.secretEnv.WEB_TOKEN ?? "";
    expect(secret).toMatch(/^[0-9a-f]{32}$/);
    expect(podman.seenArguments.filter((argument) => argument.includes(secret))).toEqual([]);
  });

  it("have their own user and arguments, no capability and no GPU", async () => {
    const show =
      "id -u > /dev/shm/seen; grep CapEff /proc/self/status >> /dev/shm/seen; echo $NVIDIA_VISIBLE_DEVICES $0 $1 >> /dev/shm/seen; exec httpd -f -p 80 -h /dev/shm";
    const pod = withServices(
      {
        web: {
          image,
          command: ["/bin/sh", "-c", `${show.replace("-p 80 ", "-p 8080 ")}`],
          args: ["a", "b"],
          ports: [8080],
          user: "1234:1234",
        },
      },
      "wget -qO- http://127.0.0.1:8080/seen",
    );
    expect((await run(pod)).log).toBe("1234\nCapEff:\t0000000000000000\nvoid a b\n");
  });

  it("that end before they were ready end the run with their last words", async () => {
    const pod = withServices({ broken: { image, command: "echo the disk is full; exit 4", ports: [5432] } }, "true");
    expect(await run(pod)).toMatchObject({
      reason: "container-start-failed",
      detail: "Service broken ends with exit code 4 and never was ready. the disk is full",
    });
  });

  it("that listen on their own loopback alone, or never are ready, are named at pending-timeout", async () => {
    const pod = withServices({ web: { image, command: "exec httpd -f -p 127.0.0.1:8080", ports: [8080] } }, "true", {
      pendingTimeoutMs: 8000,
    });
    const ended = await run(pod);
    expect([ended.reason, ended.detail]).toEqual([
      "pending-timeout",
      expect.stringContaining("The service web runs and is not ready yet."),
    ]);
  });

  it("that break while the test runs are named beside its failure", async () => {
    const pod = withServices({ web: { image, command: "sleep 2; exit 7" } }, "sleep 5; exit 1");
    expect((await run(pod)).detail).toBe(
      "The command ended with exit code 1. Service web ended with exit code 7 while the test ran.",
    );
  });

  it("of each shard are its own", async () => {
    const web = { image, command: "hostname > /tmp/who; exec httpd -f -p 8080 -h /tmp", ports: [8080] };
    const pod = withServices({ web }, "[ $(wget -qO- http://127.0.0.1:8080/who) = $(hostname) ]; echo $GPU_CI_SHARD", {
      shards: 2,
    });
    const running = await engine.start(pod);
    const ended = await Promise.all(running.shards.map((shard) => observe(shard)));
    await running.remove();
    expect(ended.map(({ log, termination }) => [log.toString(), termination.reason])).toEqual([
      ["0\n", "passed"],
      ["1\n", "passed"],
    ]);
    expect([await podman.containers(), await podman.leftFiles()]).toEqual([[], []]);
  });

  it.each([100, 1500, 4000])("are gone after a cancel %d ms from the start", async (delayMs) => {
    const controller = new AbortController();
    const cancellable = await containerEngine("podman", { ...podman.deps, signal: controller.signal });
    const running = await cancellable.start(
      withServices(
        { web: { image, command: "trap '' TERM; while :; do sleep 1; done", health: { command: "false" } } },
        "true",
      ),
    );
    await delay(delayMs);
    controller.abort(new CancelledError("SIGTERM"));
    await running.remove();
    expect([await podman.containers(), await podman.leftFiles()]).toEqual([[], []]);
  });
});

describe("files of the project on this machine", () => {
  it("are at their paths, readable by any user, and cannot be written", async () => {
    const secretFiles = [{ mountPath: "/etc/app/token", content: Buffer.from("t0ken") }];
    const script = "cat /etc/app/token; echo x 2>/dev/null >/etc/app/token || echo ' kept'";
    const pod = testPodOf({ image, command: ["/bin/sh", "-c", script], secretFiles, runAs: "nonroot" });
    expect((await run(pod)).log).toBe("t0ken kept\n");
  });
});

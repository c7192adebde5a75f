import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/setup-microk8s/inputs.ts";
import { setupMicrok8s } from "../../../../actions/setup-microk8s/setup-microk8s.ts";
import { undoSetup } from "../../../../actions/setup-microk8s/undo-setup.ts";
import { actionInput } from "../../../support/action-input.ts";
import { type Microk8sMachine, startMachine } from "../../../support/microk8s-machine.ts";

type Job = Microk8sMachine["host"];

function setUp(job: Job, inputs: Record<string, string> = {}) {
  return setupMicrok8s(
    readInputs(actionInput("setup-microk8s", { distribution: "microk8s", addons: "registry", gpu: "off", ...inputs })),
    job,
  );
}

const certs = "/var/snap/microk8s/current/args/certs.d";
const ledger = "/var/lib/gpu-ci/setup/ledger.json";
const daemonJson = '{\n\t"log-level": "warn",\n\t"insecure-registries": ["old:5000"]\n}\n';

async function boxWithEverything(): Promise<Microk8sMachine> {
  const machine = await startMachine();
  machine.set("installed", "1.32/stable");
  machine.put("/etc/docker/daemon.json", daemonJson);
  machine.put("/etc/containers/registries.conf.d");
  const { port } = new URL(machine.api.url);
  machine.put("/etc/buildkit/buildkitd.toml", `# ours\n[registry."10.0.0.7:${port}"]\nhttp = true\n`);
  return machine;
}

/** The fake's registry listens on a port that it was given: told as 32000. */
function trustOf(machine: Microk8sMachine) {
  const { port } = new URL(machine.api.url);
  const files = filesOf(machine, port);
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, text?.replaceAll(`:${port}`, ":32000")]),
  );
}

function filesOf(machine: Microk8sMachine, port: string): Record<string, string | undefined> {
  return {
    local: machine.file(`${certs}/localhost:${port}/hosts.toml`),
    node: machine.file(`${certs}/10.0.0.7:${port}/hosts.toml`),
    service: machine.file(`${certs}/registry.container-registry.svc.cluster.local:5000/hosts.toml`),
    docker: machine.file("/etc/docker/daemon.json"),
    podman: machine.file("/etc/containers/registries.conf.d/900-gpu-ci.conf"),
    buildkit: machine.file("/etc/buildkit/buildkitd.toml"),
  };
}

describe("trust in the registry", () => {
  it("is written for every name and every program, merged, said first, and undone in post", async () => {
    await using machine = await boxWithEverything();
    const before = trustOf(machine);
    await setUp(machine.host);
    expect(trustOf(machine)).toEqual({
      local:
        'server = "http://localhost:32000"\n\n[host."http://localhost:32000"]\n  capabilities = ["pull", "resolve"]\n',
      node: 'server = "http://10.0.0.7:32000"\n\n[host."http://10.0.0.7:32000"]\n  capabilities = ["pull", "resolve"]\n',
      service:
        'server = "http://registry.container-registry.svc.cluster.local:5000"\n\n[host."http://localhost:32000"]\n  capabilities = ["pull", "resolve"]\n',
      docker: '{\n\t"log-level": "warn",\n\t"insecure-registries": [\n\t\t"old:5000",\n\t\t"10.0.0.7:32000"\n\t]\n}\n',
      podman: expect.stringContaining(
        '[[registry]]\nprefix = "registry.container-registry.svc.cluster.local:5000"\nlocation = "localhost:32000"\ninsecure = true\n',
      ) as string,
      buildkit: expect.stringMatching(
        /^# ours\n\[registry\."10\.0\.0\.7:32000"\]\nhttp = true\n\n# Added by gpu-ci\./,
      ) as string,
    });
    expect(machine.host.lines).toContain(
      `Writing /etc/docker/daemon.json: insecure-registries 10.0.0.7:${new URL(machine.api.url).port}. It becomes what it was when the last job that needs it ends.`,
    );
    const reload = "systemctl kill --kill-who=main --signal=HUP docker.service";
    expect(machine.changes().filter((call) => call === reload)).toHaveLength(1);

    await undoSetup(machine.host);
    expect(trustOf(machine)).toEqual(before);
    expect(machine.changes().filter((call) => call === reload)).toHaveLength(2);
    expect(machine.file(ledger)).toBeUndefined();
    expect(readdirSync(join(machine.host.hostRoot, certs))).toEqual([]);
    await undoSetup(machine.host);
    expect(machine.host.lines.filter((line) => line.startsWith("warning"))).toEqual([]);
  });

  it("keeps a file that is right already, and one that somebody has changed since", async () => {
    await using machine = await boxWithEverything();
    const { port } = new URL(machine.api.url);
    machine.put(`${certs}/10.0.0.7:${port}/hosts.toml`, `# theirs\n[host."http://10.0.0.7:${port}"]\n`);
    const { node: right } = trustOf(machine);
    await setUp(machine.host);
    machine.put("/etc/docker/daemon.json", "{}");
    await undoSetup(machine.host);
    expect(trustOf(machine)).toMatchObject({ node: right, docker: "{}", local: undefined });
    expect(machine.host.lines.filter((line) => line.startsWith("warning"))).toEqual([
      "warning: /etc/docker/daemon.json was changed by somebody else since: it is left as it is.",
    ]);
  });

  it("leaves a daemon.json that is not JSON to its owner, and survives a machine without systemd", async () => {
    await using machine = await boxWithEverything();
    machine.put("/etc/docker/daemon.json", "{ insecure");
    machine.put("/var/snap/docker/current/config");
    machine.set("no-systemd", "");
    await setUp(machine.host);
    expect(machine.file("/etc/docker/daemon.json")).toBe("{ insecure");
    expect(machine.host.lines.filter((line) => line.startsWith("warning"))).toEqual([
      `warning: /etc/docker/daemon.json is not the JSON that docker reads: it is left as it is, and docker does not trust 10.0.0.7:${new URL(machine.api.url).port}.`,
      "warning: snap.docker.dockerd.service could not be told to read its configuration again, it does when it starts next: System has not been booted with systemd as init system (PID 1). Can't operate.",
    ]);
  });

  it("is given to further registries, also beside a cluster that is only adopted", async () => {
    await using machine = await boxWithEverything();
    const kubeconfig = join(machine.host.tempDirectory, "client.config");
    const inputs = { distribution: "existing", kubeconfig, "insecure-registries": "cache:5000\nhttps://10.1.1.1" };
    await setUp(machine.host, inputs);
    expect(trustOf(machine)).toMatchObject({
      local: undefined,
      docker: expect.stringContaining('"cache:5000"') as string,
    });
    await undoSetup(machine.host);
    expect(trustOf(machine).docker).toBe(daemonJson);
  });
});

describe("two jobs on one box", () => {
  it("share what was changed: the last one that ends undoes it, whoever made it", async () => {
    await using machine = await boxWithEverything();
    const before = trustOf(machine);
    const other = machine.anotherJob();
    await Promise.all([setUp(machine.host), setUp(other, { "insecure-registries": "cache:5000" })]);
    expect(machine.changes().filter((call) => call.startsWith("snap refresh --hold"))).not.toEqual([]);
    await undoSetup(machine.host);
    expect(machine.has("held")).toBe(true);
    expect(trustOf(machine)).not.toEqual(before);
    await undoSetup(other);
    expect([machine.has("held"), machine.file(ledger)]).toEqual([false, undefined]);
    expect(trustOf(machine)).toEqual(before);
  });

  it("begin at the same moment, and one of them alone installs and holds", async () => {
    await using machine = await startMachine();
    machine.set("trouble", "busy\n");
    const other = machine.anotherJob();
    const ended = await Promise.all([
      setUp(machine.host, { "remove-on-post": "true" }),
      setUp(other, { "remove-on-post": "true" }),
    ]);
    expect(ended.filter(({ created }) => created)).toHaveLength(1);
    const installs = machine.changes().filter((call) => call.startsWith("snap install"));
    expect([installs.length, machine.changes().filter((call) => call.includes("--hold=")).length]).toEqual([2, 1]);
    await undoSetup(other);
    expect(machine.has("installed")).toBe(true);
    await undoSetup(machine.host);
    expect([machine.has("installed"), machine.file(ledger)]).toEqual([false, undefined]);
  });

  it("do not wait for the lock of one that was killed", async () => {
    await using machine = await boxWithEverything();
    machine.put("/var/lib/gpu-ci/setup/lock");
    const longAgo = new Date(Date.now() - 10 * 60_000);
    utimesSync(join(machine.host.hostRoot, "/var/lib/gpu-ci/setup/lock"), longAgo, longAgo);
    await setUp(machine.host);
    expect(machine.host.lines.filter((line) => line.startsWith("Another job"))).toEqual([]);
  });

  it("do not lose the cluster that one of them has installed and shall remove", async () => {
    await using machine = await startMachine();
    const other = machine.anotherJob();
    await setUp(machine.host, { "remove-on-post": "true" });
    await setUp(other);
    await undoSetup(machine.host);
    expect(machine.has("installed")).toBe(true);
    await undoSetup(other);
    expect(machine.has("installed")).toBe(false);
  });

  it("do not wait for one that was killed: after a day it counts no more, and what it left is undone", async () => {
    await using machine = await boxWithEverything();
    const before = trustOf(machine);
    await setUp(machine.host);
    const left = machine.file(ledger) ?? "";
    machine.put(ledger, left.replaceAll(/"expires": "[^"]*"/g, '"expires": "2026-01-01T00:00:00Z"'));
    const other = machine.anotherJob();
    await setUp(other);
    await undoSetup(other);
    expect([machine.has("held"), machine.file(ledger)]).toEqual([false, undefined]);
    expect(trustOf(machine)).toEqual(before);
  });

  it("leave to a person what a person has set up in a terminal", async () => {
    await using machine = await boxWithEverything();
    const { GITHUB_ACTIONS: _, ...env } = machine.host.env;
    await setUp({ ...machine.host, env });
    const trust = trustOf(machine);
    const other = machine.anotherJob();
    await setUp(other);
    await undoSetup(other);
    expect([trustOf(machine), machine.has("held")]).toEqual([trust, true]);
  });

  it("find nothing to change the second time", async () => {
    await using machine = await boxWithEverything();
    await setUp(machine.host);
    const [calls, trust] = [machine.changes(), trustOf(machine)];
    const other = machine.anotherJob();
    await setUp(other);
    expect([machine.changes(), trustOf(machine)]).toEqual([calls, trust]);
    expect(other.lines.filter((line) => line.startsWith("Writing"))).toEqual([]);
  });
});

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseReceipt, wrapperScript } from "../../../../lib/engine/wrapper.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "gpu-ci-wrapper-"));
  await writeFile(join(home, "run"), wrapperScript);
  await mkdir(join(home, "work"));
  await mkdir(join(home, "control"));
});
afterEach(() => rm(home, { recursive: true }));

interface RunOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly onLine?: (kill: (signal: NodeJS.Signals) => void) => void;
}

async function run(command: readonly string[], { env = {}, stdin = "", onLine }: RunOptions = {}) {
  const child = spawn("/bin/sh", [join(home, "run"), ...command], {
    cwd: join(home, "work"),
    env: {
      PATH: `${home}:${process.env.PATH}`,
      GPU_CI_CONTROL: join(home, "control"),
      GPU_CI_OUT: join(home, "out"),
      GPU_CI_RECEIPT: join(home, "receipt"),
      ...env,
    },
  });
  child.stdin.end(stdin);
  let [stdout, stderr] = ["", ""];
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    if (chunk.includes("ready")) onLine?.((signal) => child.kill(signal));
  });
  const exitCode = await new Promise((resolve) => child.once("exit", resolve));
  const receipt = parseReceipt(await readFile(join(home, "receipt"), "utf8").catch(() => ""));
  return { stdout, stderr, exitCode, receipt };
}

async function outFiles(): Promise<string[]> {
  const entries = await readdir(join(home, "out"), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 5))
    .sort();
}

const sh = (script: string) => ["/bin/sh", "-c", script];

describe("wrapper", () => {
  it("has at most 40 lines", () => {
    expect(wrapperScript.trimEnd().split("\n").length).toBeLessThanOrEqual(40);
  });

  it("passes stdin and arguments through and exits with the command's own code", async () => {
    const result = await run(["/bin/sh", "-c", 'read -r x; printf "%s|%s" "$x" "$1"; exit 3', "sh", "a b'\"*"], {
      stdin: "from stdin\n",
    });
    expect(result).toEqual({
      stderr: "",
      stdout: "from stdin|a b'\"*",
      exitCode: 3,
      receipt: { exitCode: 3, timedOut: false, collected: 0, gpus: [], runMs: expect.any(Number) },
    });
  });

  it.each([
    ["a command that does not exist", ["/no/such/program"], 127],
    ["a command killed by a signal", sh("kill -KILL $$"), 137],
  ])("reports %s", async (_name, command, exitCode) => {
    expect((await run(command)).exitCode).toBe(exitCode);
  });

  it("collects by patterns, whole folders and any depth, and keeps relative paths", async () => {
    const make = [
      "mkdir -p 'build/a b/deep' logs/x",
      "for f in build/top.xml 'build/a b/one.xml' 'build/a b/deep/two.xml' build/no.txt logs/x/y -dash.log; do echo 1 > \"./$f\"; done",
    ].join("; ");
    const patterns = "build/**/*.xml\nlogs\n*.log\nabsent/*.xml";
    const { receipt } = await run(sh(make), { env: { GPU_CI_COLLECT: patterns } });
    expect(await outFiles()).toEqual(
      ["-dash.log", "build/a b/deep/two.xml", "build/a b/one.xml", "build/top.xml", "logs/x/y"].sort(),
    );
    expect(receipt?.collected).toBe(5);
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "forwards %s, collects, and exits with the code the command chose",
    async (signal) => {
      const script = "trap 'echo 1 > late.xml; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
      const result = await run(sh(script), { env: { GPU_CI_COLLECT: "*.xml" }, onLine: (kill) => kill(signal) });
      expect([result.exitCode, await outFiles()]).toEqual([7, ["late.xml"]]);
    },
  );

  it("kills a command that ignores TERM after 2 s and still collects", async () => {
    const script = "trap '' TERM; echo 1 > early.xml; echo ready; while :; do sleep 0.05; done";
    const result = await run(sh(script), { env: { GPU_CI_COLLECT: "*.xml" }, onLine: (kill) => kill("SIGTERM") });
    expect([result.exitCode, await outFiles()]).toEqual([137, ["early.xml"]]);
  });

  it("ends the command at its timeout and says so in the receipt", async () => {
    const result = await run(["sleep", "30"], { env: { GPU_CI_TIMEOUT: "1" } });
    const { runMs = 0, ...rest } = result.receipt ?? {};
    expect(rest).toEqual({ exitCode: 143, timedOut: true, collected: 0, gpus: [] });
    expect([runMs >= 990, runMs < 30_000]).toEqual([true, true]);
  });

  it("adds no word of its shell to the log when it ends a command that takes its time to die", async () => {
    const slow = sh('trap "trap - TERM; sleep 0.2; kill -TERM $$" TERM; echo begun; sleep 2 >/dev/null 2>&1 & wait');
    const { exitCode, stdout, stderr } = await run(slow, { env: { GPU_CI_TIMEOUT: "1" } });
    expect([exitCode, stdout, stderr]).toEqual([143, "begun\n", ""]);
  });

  it("records the GPUs that nvidia-smi reports", async () => {
    const line = "NVIDIA A100-SXM4-80GB, GPU-5c7a, 535.54.03, 81920 MiB";
    await writeFile(join(home, "nvidia-smi"), `#!/bin/sh\nsleep 0.2\necho '${line}'\n`, { mode: 0o755 });
    const { receipt } = await run(["true"], { env: { GPU_CI_GPUS: "1" } });
    expect(receipt?.gpus).toEqual([
      { product: "NVIDIA A100-SXM4-80GB", uuid: "GPU-5c7a", driver: "535.54.03", memory: "81920 MiB" },
    ]);
  });

  it("looks at the GPUs while the test runs, ever less often, in a receipt that stays small", async () => {
    const looks = `printf '%d, 40960\\n[N/A], [N/A]\\n' "$(wc -l <"$0.looks")"; echo >>"$0.looks"`;
    const gpus = "echo 'A100, GPU-1, 535.54, 81920 MiB'; echo 'MIG, GPU-2, 535.54, 9728 MiB'";
    const smi = `#!/bin/sh\ncase $1 in *name*) ${gpus} ;; *) ${looks} ;; esac\n`;
    await writeFile(join(home, "nvidia-smi"), smi, { mode: 0o755 });
    // Two hundred looks without waiting for them.
    await writeFile(join(home, "sleep"), "#!/bin/sh\n", { mode: 0o755 });
    const test = 'while [ "$(wc -l <"$0" 2>/dev/null || echo 0)" -lt 200 ]; do :; done';
    const command = ["/bin/sh", "-c", test, join(home, "nvidia-smi.looks")];
    const { exitCode, receipt } = await run(command, { env: { GPU_CI_GPUS: "2" } });
    const [first, second] = receipt?.gpus.map(({ load = [] }) => load) ?? [];
    const used = first?.map(({ usedPercent }) => usedPercent ?? -1) ?? [];
    expect([exitCode, used[0], used.toSorted((a, b) => a - b)]).toEqual([0, 0, used]);
    expect([used.length > 20, used.length < 100, (used.at(-1) ?? 0) > 150]).toEqual([true, true, true]);
    expect(second?.[0]).toEqual({ usedPercent: null, memoryMib: null });
    expect((await readFile(join(home, "receipt"))).length).toBeLessThan(2000);
  });

  it("does without nvidia-smi, and without an answer of it", async () => {
    await writeFile(join(home, "nvidia-smi"), "#!/bin/sh\necho broken >&2; exit 9\n", { mode: 0o755 });
    const { receipt, exitCode, stdout } = await run(["echo", "said"], { env: { GPU_CI_GPUS: "1" } });
    expect([exitCode, stdout, receipt?.gpus]).toEqual([0, "said\n", []]);
  });

  it("leaves none of its helpers behind, however soon the test ends", async () => {
    await writeFile(join(home, "nvidia-smi"), "#!/bin/sh\necho 1, 2\n", { mode: 0o755 });
    for (let round = 0; round < 40; round += 1)
      await run(["true"], { env: { GPU_CI_GPUS: "1", GPU_CI_TIMEOUT: "20" } });
    const command = (id: string) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "");
    const commands = async () => Promise.all((await readdir("/proc")).map(command));
    await expect.poll(async () => (await commands()).filter((said) => said.includes(home))).toEqual([]);
  });

  it("waits for a reader only as long as it is told to", async () => {
    const result = await run(["true"], { env: { GPU_CI_HOLD: "1" } });
    expect([result.exitCode, await readdir(join(home, "control"))]).toEqual([0, ["done", "ended", "read"]]);
  });
});

describe("the trailer of a log", () => {
  const name = "gpu-ci-1-1";
  const counters: Record<string, string> = {
    "memory.events": "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
  };
  const runWith = async (file: string, content: string, command: readonly string[], options: RunOptions = {}) => {
    await mkdir(join(home, "cgroup/memory"), { recursive: true });
    await writeFile(join(home, "cgroup", file), content);
    return run(command, {
      ...options,
      env: { GPU_CI_TRAILER: name, GPU_CI_CGROUP: join(home, "cgroup"), ...options.env },
    });
  };

  it.each(Object.entries(counters))("ends both outputs where %s tells of no kill", async (file, content) => {
    const result = await runWith(file, content, sh("echo out; printf open >&2; exit 3"));
    const [said, ...rest] = result.stdout.split(`gpu-ci-end ${name} `);
    expect([result.exitCode, said, result.stderr]).toEqual([3, "out\n", `opengpu-ci-end ${name}\n`]);
    expect([rest.length, parseReceipt(rest[0] ?? "")]).toEqual([1, result.receipt]);
  });

  it.each(Object.entries(counters))("is left out when %s tells of a kill", async (file, content) => {
    const result = await runWith(file, content.replace("oom_kill 0", "oom_kill 1"), ["echo", "out"]);
    expect([result.exitCode, result.stdout, result.stderr]).toEqual([0, "out\n", ""]);
  });

  it.each([
    ["nothing tells whether somebody was killed", "other", ["true"], {}],
    ["the test was ended by a signal", "memory.events", sh("kill -KILL $$"), {}],
    [
      "the test was ended at its timeout",
      "memory.events",
      sh("trap 'exit 0' TERM; sleep 9 & wait"),
      { GPU_CI_TIMEOUT: "1" },
    ],
    ["nobody asked for it", "memory.events", ["true"], { GPU_CI_TRAILER: "" }],
  ])("is left out when %s", async (_why, file, command, env: Record<string, string>) => {
    const result = await runWith(file, counters["memory.events"] ?? "", command, { env });
    expect([result.stdout, result.stderr]).toEqual(["", ""]);
  });

  it("is no business of the test: a wrapper that runs within it ends no log", async () => {
    const nested = ["/bin/sh", join(home, "run"), "echo", "inner"];
    const result = await runWith("memory.events", counters["memory.events"] ?? "", nested);
    expect(result.stdout.split("gpu-ci-end").map((part) => part.split(" ")[0])).toEqual(["inner\n", ""]);
    expect(result.stderr).toBe(`gpu-ci-end ${name}\n`);
  });

  it("is left out when somebody told the test to end, although it ended well", async () => {
    const command = sh("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    const onLine = (kill: (signal: NodeJS.Signals) => void) => kill("SIGTERM");
    const result = await runWith("memory.events", counters["memory.events"] ?? "", command, { onLine });
    expect([result.exitCode, result.stdout, result.stderr]).toEqual([0, "ready\n", ""]);
  });
});

describe("a wrapper that waits for its files to be read", () => {
  const held = { GPU_CI_HOLD: "30", GPU_CI_COLLECT: "ready.xml" };
  const control = (name: string) => join(home, "control", name);

  it("exits as soon as the reader says so", async () => {
    const reader = "while [ ! -e ../control/done ]; do sleep 0.05; done; echo read >../control/read";
    const result = await run(sh(`(${reader}) >/dev/null 2>&1 & exit 5`), { env: held });
    expect(result.exitCode).toBe(5);
  });

  it("exits at once when it is told to end while it waits", async () => {
    const ending = "while [ ! -e ../control/done ]; do sleep 0.05; done; kill -TERM $PPID";
    await writeFile(control("reading"), "");
    const result = await run(sh(`P=$PPID; (${ending.replace("$PPID", "$P")}) >/dev/null 2>&1 & exit 6`), { env: held });
    expect(result.exitCode).toBe(6);
  });
});

describe("parseReceipt", () => {
  it.each(["", "panic: out of memory", "{", '{"exitCode":"0"}', "null"])("finds none in %j", (text) => {
    expect(parseReceipt(text)).toBeUndefined();
  });
});

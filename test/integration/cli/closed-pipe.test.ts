import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../support/house.ts";

const program = join(root, "bin/gpu-ci");
const args = ["doctor", "--json", "--kubeconfig", "/nowhere/kubeconfig"];

it("gpu-ci ends with the command's own exit code when nobody reads its result", async () => {
  const { status } = spawnSync(program, args);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  child.stdout.destroy();
  const [code] = (await once(child, "close")) as [number | null];
  expect([status !== 0, code]).toEqual([true, status]);
});

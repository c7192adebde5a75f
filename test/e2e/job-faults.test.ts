import { beforeAll, describe, expect, it } from "vitest";
import { faceFault } from "../faults/face-fault.ts";
import type { JobFault } from "../faults/job-fault.ts";
import { jobFaults } from "../faults/job-faults.ts";
import { type JobTool, jobTools } from "../faults/job-tools.ts";
import { countOutcomes, followUnderCuts } from "../faults/log-cuts.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";

/** Some of `npm run test:faults`: each of another kind, and none that takes long. */
const chosen = ["F03", "F10", "F13", "F23", "F27", "F45", "F47"];

let image: string;
let ours: readonly JobTool[];
beforeAll(async () => {
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "faults/busybox" });
  ours = (await jobTools()).filter(({ name }) => name === "gpu-ci");
});

describe("run-k8s-gpu-test survives", () => {
  const faults = jobFaults.filter(({ id }) => chosen.includes(id));
  it.concurrent.each(faults.map((fault): [string, JobFault] => [`${fault.id} ${fault.name}`, fault]))(
    "%s",
    async (_name, fault) => {
      const [{ outcome, why, output } = { outcome: "not injected", why: "", output: "" }] = await faceFault(
        fault,
        ours,
        image,
      );
      expect({ outcome, why }, output).toEqual({ outcome: "survived", why: "" });
    },
  );
});

it("the log of a container is exact under cuts, or the gap is named", async () => {
  const { wrong, schedules } = countOutcomes(await followUnderCuts(8, 8));
  expect([wrong, schedules]).toEqual([[], 8]);
});

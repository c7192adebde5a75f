import { jobApiFaults } from "./job-api-faults.ts";
import type { JobFault } from "./job-fault.ts";
import { jobHostFaults } from "./job-host-faults.ts";
import { jobLogFaults } from "./job-log-faults.ts";
import { jobPodFaults } from "./job-pod-faults.ts";
import { jobStoppingFaults } from "./job-stopping-faults.ts";

/** All of them, in the order of their ids. */
export const jobFaults: readonly JobFault[] = [
  ...jobApiFaults,
  ...jobPodFaults,
  ...jobLogFaults,
  ...jobHostFaults,
  ...jobStoppingFaults,
].toSorted((one, other) => one.id.localeCompare(other.id));

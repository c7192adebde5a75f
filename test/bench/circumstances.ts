import { availableParallelism, cpus, loadavg } from "node:os";

/** The machine that figures were taken on. */
export interface Circumstances {
  readonly at: string;
  readonly cpu: string | undefined;
  readonly cpus: number;
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** Others had the machine: figures of such a run say little. */
  readonly isVoid: boolean;
}

/** Notes the load before a run, and gives what a result says of the machine when it is called. */
export function noteCircumstances(): () => Circumstances {
  const before = loadavg();
  const count = availableParallelism();
  return () => ({
    at: new Date().toISOString(),
    cpu: cpus()[0]?.model,
    cpus: count,
    load: { before, after: loadavg() },
    isVoid: (before[0] ?? 0) > count,
  });
}

/** One thing that this machine has or lacks. */
export interface Finding {
  /** What was looked at, a word or two. */
  readonly topic: string;
  /** `missing`: the pipeline cannot run. `limited`: it runs, with less. `absent`: not here, and not needed here. */
  readonly state: "ok" | "limited" | "missing" | "absent";
  /** What was observed. */
  readonly found: string;
  /** What to do about it; undefined when there is nothing to do. */
  readonly remedy: string | undefined;
}

/** Something that is as it should be. */
export function ok(topic: string, found: string): Finding {
  return { topic, state: "ok", found, remedy: undefined };
}

/** Something that is not, with its remedy. */
export function problem(
  state: "limited" | "missing" | "absent",
  topic: string,
  found: string,
  remedy: string,
): Finding {
  return { topic, state, found, remedy };
}

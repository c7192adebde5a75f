/** The parts of the world that are looked at, in the order in which they are shown. */
export const findingGroups = [
  "host",
  "builder",
  "engine",
  "cluster",
  "gpus",
  "registry",
  "runners",
  "leftovers",
] as const;

export type FindingGroup = (typeof findingGroups)[number];

/** One thing that was looked at. */
export interface Finding {
  readonly group: FindingGroup;
  /** What was looked at, a word or two. */
  readonly topic: string;
  /** `missing`: the pipeline cannot run. `limited`: it runs, with less or at a risk. `absent`: not here, and not needed here. */
  readonly state: "ok" | "limited" | "missing" | "absent";
  /** Names the problem for a program, kebab-case, for ever the same; undefined when there is none. */
  readonly code: string | undefined;
  /** The evidence: what was observed. */
  readonly found: string;
  /** Why that is so, or what follows from it; undefined when the evidence says it all. */
  readonly cause: string | undefined;
  /** What to do about it; undefined when there is nothing to do. */
  readonly remedy: string | undefined;
  /** Puts it right where it is ours to put right; gives what was done. */
  readonly fix?: () => Promise<string>;
  /** Whether that was done. */
  readonly isFixed?: true;
}

/** What a problem is made of; its group comes with its topic. */
export interface Problem {
  readonly code: string;
  readonly found: string;
  readonly cause?: string | undefined;
  readonly remedy: string;
  readonly fix?: () => Promise<string>;
}

/** What a finding is about. */
export interface Subject {
  readonly group: FindingGroup;
  readonly topic: string;
}

/** Something that is as it should be. */
export function ok({ group, topic }: Subject, found: string): Finding {
  return { group, topic, state: "ok", code: undefined, found, cause: undefined, remedy: undefined };
}

/** Something that is not, with its evidence, cause and remedy. */
export function problem({ group, topic }: Subject, state: "limited" | "missing" | "absent", about: Problem): Finding {
  const { code, found, cause, remedy, fix } = about;
  return { group, topic, state, code, found, cause, remedy, ...(fix ? { fix } : {}) };
}

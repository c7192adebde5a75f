import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "./house.ts";

/** A declared input, secret or output of a reusable workflow. */
export interface Declared {
  readonly type?: string;
  readonly required?: boolean;
  readonly default?: string;
  readonly description: string;
  readonly value?: string;
}

export interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly if?: string;
  readonly "runs-on"?: string | readonly string[];
  readonly "timeout-minutes"?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
  readonly strategy?: { readonly matrix: object };
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: unknown;
}

export interface WorkflowFile {
  readonly on: {
    readonly workflow_call?: {
      readonly inputs: Readonly<Record<string, Declared>>;
      readonly secrets?: Readonly<Record<string, Declared>>;
      readonly outputs?: Readonly<Record<string, Declared>>;
    };
  } & Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly concurrency?: { readonly group: string; readonly "cancel-in-progress": boolean | string };
  readonly jobs: Readonly<Record<string, Job>>;
}

/** Paths of all workflow files of the repository: the reusable ones' sources, their copies, and our own CI. */
export function workflowPaths(): string[] {
  return ["workflows", ".github/workflows"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  );
}

/** Reads a workflow file, and its text. */
export function readWorkflow(path: string): { readonly text: string; readonly workflow: WorkflowFile } {
  const text = readFileSync(join(root, path), "utf8");
  return { text, workflow: parse(text) as WorkflowFile };
}

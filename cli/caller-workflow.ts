import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { InputError } from "../lib/error.ts";

const folder = ".github/workflows";

interface WorkflowYaml {
  readonly on?: {
    readonly workflow_dispatch?: { readonly inputs?: Readonly<Record<string, { readonly default?: string }>> };
  };
  readonly jobs?: Readonly<Record<string, JobYaml>>;
}

interface JobYaml {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

/** The `with:` block of the first job of a workflow that uses gpu-ci.yml. */
export interface CallerWorkflow {
  readonly job: string;
  readonly with: ReadonlyMap<string, string>;
}

/** Finds the one workflow of a project that uses gpu-ci.yml; undefined when it has none. Throws InputError when there are several. */
export async function findCallerWorkflow(project: string): Promise<string | undefined> {
  const names = await readdir(join(project, folder)).catch(() => []);
  const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
  const callers: string[] = [];
  for (const name of files) {
    const workflow = parseWorkflow(await readFile(join(project, folder, name), "utf8"), name);
    if (findCallingJob(workflow)) callers.push(join(folder, name));
  }
  if (callers.length <= 1) return callers[0];
  throw new InputError("FILE", "", `one of the workflows that use gpu-ci.yml: ${callers.join(", ")}`);
}

/**
 * Reads a caller workflow's configuration: literals as they are written, and `${{ inputs.x }}` from `given`, else from the default that
 * its workflow_dispatch declares. Throws InputError for a missing file, a file without such a job, and any other expression, by name.
 */
export async function readCallerWorkflow(file: string, given: ReadonlyMap<string, string>): Promise<CallerWorkflow> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new InputError("FILE", file, `a readable workflow (${error.code ?? error.message})`);
  });
  const workflow = parseWorkflow(text, file);
  const found = findCallingJob(workflow);
  if (!found) throw new InputError("FILE", file, "a workflow with a job that uses …/.github/workflows/gpu-ci.yml");
  const defaults = workflow.on?.workflow_dispatch?.inputs ?? {};
  const inputOf = (name: string) => given.get(name) ?? defaults[name]?.default;
  const entries = Object.entries(found.job.with ?? {}).map(
    ([name, value]) => [name, evaluate(name, value, inputOf)] as const,
  );
  return { job: found.name, with: new Map(entries) };
}

function parseWorkflow(text: string, file: string): WorkflowYaml {
  try {
    // The failsafe schema keeps every scalar as it is written: an input is a text, and 1.10 must not become 1.1.
    const workflow: unknown = parse(text, { schema: "failsafe" });
    return typeof workflow === "object" && workflow !== null ? workflow : {};
  } catch (error) {
    throw new InputError(
      "FILE",
      file,
      `valid YAML (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`,
    );
  }
}

function findCallingJob(workflow: WorkflowYaml): { readonly name: string; readonly job: JobYaml } | undefined {
  for (const [name, job] of Object.entries(workflow.jobs ?? {})) {
    if (/\.github\/workflows\/gpu-ci\.ya?ml(@|$)/.test(job?.uses ?? "")) return { name, job };
  }
  return undefined;
}

function evaluate(name: string, value: unknown, inputOf: (input: string) => string | undefined): string {
  if (typeof value !== "string")
    throw new InputError(`with.${name}`, JSON.stringify(value), "a text, number or boolean");
  return value.replace(/\$\{\{(.*?)\}\}/gs, (expression, inner: string) => {
    const input = /^\s*inputs\.([\w-]+)\s*$/.exec(inner)?.[1];
    if (input === undefined) {
      throw new InputError(
        `with.${name}`,
        expression,
        "literals and ${{ inputs.NAME }}",
        `Give it by --${name} VALUE.`,
      );
    }
    const text = inputOf(input);
    if (text === undefined)
      throw new InputError(`with.${name}`, expression, "an input that is given", `Add --input ${input}=VALUE.`);
    return text;
  });
}

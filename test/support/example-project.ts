import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyProject } from "./forge-publish.ts";

/** How a copy of the example calls the pipeline. */
export interface ExampleOptions {
  readonly folder: string;
  /** Reference of the reusable workflow. */
  readonly uses: string;
  /** Inputs of the test, added below `with:`. */
  readonly with: Readonly<Record<string, string>>;
  /** Parent of the base image: a reference that this machine can pull. */
  readonly parent: string;
}

/** Copies examples/vector-add as a project of its own; only what names a place that this machine cannot reach is replaced. */
export function copyExample({ folder, uses, with: inputs, parent }: ExampleOptions): void {
  copyProject(folder, "examples/vector-add/");
  const lines = Object.entries(inputs).map(([name, value]) => `      ${name}: ${JSON.stringify(value)}\n`);
  const caller = join(folder, ".github/workflows/gpu.yml");
  replace(caller, /uses: OWNER\/gpu-ci\/\.github\/workflows\/gpu-ci\.yml@v1$/m, `uses: ${uses}`);
  replace(caller, /^ {4}with:\n/m, `    with:\n${lines.join("")}`);
  const dockerfile = join(folder, "Dockerfile_base");
  replace(dockerfile, /^FROM debian:bookworm-slim$/m, `FROM ${parent}`);
  // Another parent gives another image: it must not meet the example's own in the same registry.
  replace(dockerfile, /registry\.repo="gpu-ci\/vector-add-base"/, 'registry.repo="test/vector-add-base"');
}

function replace(file: string, pattern: RegExp, text: string): void {
  const content = readFileSync(file, "utf8");
  if (!pattern.test(content)) throw new Error(`${file} has nothing like ${pattern}.`);
  writeFileSync(file, content.replace(pattern, text));
}

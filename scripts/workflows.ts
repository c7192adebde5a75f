// Copies workflows/ to where GitHub reads them: node scripts/workflows.ts [--check] [--self ./ | --self OWNER/REPO@REF] [--out DIR]
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const usage = "usage: node scripts/workflows.ts [--check] [--self ./ | --self OWNER/REPO@REF] [--out DIR]";

/** The published form of the workflow `workflows/<name>`: verbatim under one line that says where it comes from. */
export function generatedWorkflow(name: string, source: string): string {
  return `# Generated from workflows/${name} by scripts/workflows.ts: edit that file, then run npm run workflows.\n${source}`;
}

/**
 * Rewrites what only github.com understands, for act (`./`) and for Gitea, Forgejo and GHES (`OWNER/REPO@REF`): references to the
 * file's own commit (`$/path`), and commits of others (`@<sha> # v6.1.0`), which become the major version that such a forge mirrors (`@v6`).
 */
export function rewriteSelf(source: string, self: string): string {
  const at = /^([\w.-]+\/[\w.-]+)@(\S+)$/.exec(self);
  if (self !== "./" && !at) throw new Error(`--self is ${JSON.stringify(self)}; allowed: ./ or OWNER/REPO@REF.`);
  return source
    .replaceAll(/(\buses: *)\$\/(\S+)/g, (_all, key: string, path: string) =>
      at ? `${key}${at[1]}/${path}@${at[2]}` : `${key}./${path}`,
    )
    .replaceAll(/(\buses: *\S+)@[0-9a-f]{40} +# (v\d+)\S*/g, "$1@$2");
}

function main(): void {
  const { values } = parseArgs({
    options: { check: { type: "boolean", default: false }, self: { type: "string" }, out: { type: "string" } },
  });
  const root = join(import.meta.dirname, "..");
  const out = values.out === undefined ? join(root, ".github/workflows") : resolve(values.out);
  // Other refs than `$/` in the repository's own copies would be wrong on GitHub: they need a folder named on purpose.
  if (values.self !== undefined && values.out === undefined) throw new Error(`--self needs --out DIR.\n${usage}`);
  if (!values.check) mkdirSync(out, { recursive: true });
  for (const name of readdirSync(join(root, "workflows")).filter((file) => file.endsWith(".yml"))) {
    const source = readFileSync(join(root, "workflows", name), "utf8");
    const text = generatedWorkflow(name, values.self === undefined ? source : rewriteSelf(source, values.self));
    if (!values.check) writeFileSync(join(out, name), text);
    else if (text !== readIfThere(join(out, name))) {
      console.error(`${join(".github/workflows", name)} is not what workflows/${name} says; run: npm run workflows`);
      process.exitCode = 1;
    }
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) main();

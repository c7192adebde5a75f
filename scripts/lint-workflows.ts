// Reads every workflow, caller and action.yml as GitHub's own editor support does: node scripts/lint-workflows.ts [--root DIR]
import { globSync, readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const documents = [
  "{workflows,.github/workflows,examples/callers,examples/*/.github/workflows}/*.yml",
  "actions/*/action.yml",
];

/**
 * What GitHub's language service says about the workflows and actions below a folder, one finding a line, warnings included. Called workflows and
 * actions of this repository are looked up in the folder, so a wrong input or output is a finding; those of others are not looked up.
 */
export async function lintWorkflows(root: string): Promise<readonly string[]> {
  const { validate, createDocument } = await loadLanguageService();
  const findings: string[] = [];
  for (const file of globSync(documents, { cwd: root }).sort()) {
    const text = readFileSync(join(root, file), "utf8");
    const found = await validate(createDocument(`file:///${file}`, "yaml", 0, text), {
      fileProvider: {
        getFileContent: async (reference) => ({
          name: reference.path,
          content: readFileSync(join(root, localPath(reference)), "utf8"),
        }),
      },
    });
    for (const { range, message } of found) {
      findings.push(`${file}:${range.start.line + 1}: ${typeof message === "string" ? message : message.value}`);
    }
  }
  return findings;
}

/** Callers name this repository OWNER/gpu-ci. */
function localPath(reference: { readonly path: string; readonly repository?: string }): string {
  if (reference.repository === undefined || reference.repository === "gpu-ci") return reference.path;
  throw new Error(`${reference.repository} is another repository.`);
}

/** Version 0.3 imports JSON without saying so, which Node refuses: https://github.com/actions/languageservices/issues/387 */
async function loadLanguageService() {
  registerHooks({
    load: (url, context, next) =>
      next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context),
  });
  const [{ validate }, { TextDocument }] = await Promise.all([
    import("@actions/languageservice"),
    import("vscode-languageserver-textdocument"),
  ]);
  return { validate, createDocument: TextDocument.create };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { root: { type: "string", default: join(import.meta.dirname, "..") } } });
  const findings = await lintWorkflows(resolve(values.root));
  for (const finding of findings) console.error(finding);
  if (findings.length > 0) process.exitCode = 1;
}

if (import.meta.main) await main();

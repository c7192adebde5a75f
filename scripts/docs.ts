// Writes the tables of inputs and outputs into the READMEs from each action.yml: node scripts/docs.ts [--check]
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { reasons } from "../lib/report/conclusion.ts";

interface Input {
  readonly description: string;
  readonly default?: string;
  readonly required?: boolean;
}
interface Action {
  readonly description: string;
  readonly inputs?: Readonly<Record<string, Input>>;
  readonly outputs?: Readonly<Record<string, { readonly description: string }>>;
}

const root = join(import.meta.dirname, "..");
const names = readdirSync(join(root, "actions")).filter((name) =>
  existsSync(join(root, "actions", name, "action.yml")),
);
const actions = new Map(
  names.map((name) => [name, parse(readFileSync(join(root, "actions", name, "action.yml"), "utf8")) as Action]),
);

update("README.md", { actions: actionsTable() });
update("actions/run-k8s-gpu-test/README.md", { reasons: reasonsTable() });
for (const [name, { inputs = {}, outputs = {} }] of actions) {
  update(`actions/${name}/README.md`, { inputs: inputsTable(inputs), outputs: outputsTable(outputs) });
}

function update(file: string, tables: Readonly<Record<string, string>>): void {
  const old = readFileSync(join(root, file), "utf8");
  let text = old;
  for (const [marker, table] of Object.entries(tables)) {
    const between = new RegExp(`(<!-- ${marker} -->\n)[\\s\\S]*?(<!-- /${marker} -->)`);
    if (!between.test(text)) throw new Error(`${file} has no <!-- ${marker} --> … <!-- /${marker} --> pair.`);
    text = text.replace(between, (_all, open: string, close: string) => `${open}${table}\n${close}`);
  }
  if (text === old) return;
  if (process.argv.includes("--check")) {
    console.error(`${file} is not what its action.yml says; run: npm run docs`);
    process.exitCode = 1;
  } else writeFileSync(join(root, file), text);
}

function actionsTable(): string {
  const rows = [...actions].map(
    ([name, { description }]) => `| [${name}](actions/${name}/README.md) | ${cell(description)} |`,
  );
  return ["| action | what it does |", "|---|---|", ...rows].join("\n");
}

function reasonsTable(): string {
  const rows = Object.entries(reasons).map(
    ([reason, { conclusion, retryable, meaning }]) =>
      `| \`${reason}\` | \`${conclusion}\` | ${retryable ? "yes" : "no"} | ${cell(meaning)} |`,
  );
  return ["| reason | conclusion | retryable | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function inputsTable(inputs: Readonly<Record<string, Input>>): string {
  const rows = Object.entries(inputs).map(([name, input]) => {
    const value = input.required ? "**required**" : input.default ? `\`${cell(input.default)}\`` : "";
    return `| \`${name}\` | ${cell(input.description)} | ${value} |`;
  });
  return ["| input | meaning | default |", "|---|---|---|", ...rows].join("\n");
}

function outputsTable(outputs: Readonly<Record<string, { readonly description: string }>>): string {
  const rows = Object.entries(outputs).map(([name, { description }]) => `| \`${name}\` | ${cell(description)} |`);
  return ["| output | meaning |", "|---|---|", ...rows].join("\n");
}

function cell(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll("|", "\\|");
}

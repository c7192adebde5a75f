import type { CommandOption } from "./command-options.ts";

/** A heading with rows of a name and what it is. */
export interface HelpSection {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, meaning: string])[];
}

const width = 100;

/** Help in the usual form: usage, what the command does, then sections whose second column is wrapped. */
export function helpText(usage: string, description: string, sections: readonly HelpSection[]): string {
  const column = 2 + Math.max(...sections.flatMap(({ rows }) => rows.map(([name]) => name.length)));
  const blocks = sections
    .filter(({ rows }) => rows.length > 0)
    .map(({ title, rows }) => [title, ...rows.flatMap((row) => formatRow(row, column))].join("\n"));
  return [`Usage: ${usage}`, wrap(description, width).join("\n"), ...blocks].join("\n\n");
}

/** The rows of a command's own options, with defaults as its action.yml has them. */
export function optionRows(options: readonly CommandOption[]): HelpSection["rows"] {
  return options.map((option) => {
    const value = option.boolean ? "" : " VALUE";
    return [`--${option.name}${value}`, `${option.description}${formatDefault(option)}`];
  });
}

function formatDefault({ default: value, required }: CommandOption): string {
  if (required) return " Required.";
  if (!value) return "";
  return value.includes("${{") ? " [default: GITHUB_TOKEN or GH_TOKEN]" : ` [default: ${value}]`;
}

function formatRow([name, meaning]: HelpSection["rows"][number], column: number): string[] {
  const [first = "", ...rest] = wrap(meaning, Math.max(30, width - column - 2));
  return [`  ${name.padEnd(column)}${first}`, ...rest.map((line) => `  ${" ".repeat(column)}${line}`)];
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The result of a command for stdout: one JSON document, or `name=value` lines, a list as one line for each entry. */
export function resultText(outputs: ReadonlyMap<string, string>, json: boolean): string {
  if (json) return `${JSON.stringify(Object.fromEntries(outputs), undefined, 2)}\n`;
  return [...outputs]
    .flatMap(([name, value]) => value.split("\n").map((line) => [name, line] as const))
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

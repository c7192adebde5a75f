/**
 * How GitHub's runner finds commands in a step's output, written again from its sources (Runner.Common/ActionCommand.cs and
 * Runner.Worker/ActionCommandManager.cs): the output is cut into lines at CR, LF and CRLF; `::name props::data` after any leading white
 * space and `##[name props]data` anywhere in a line are commands; after stop-commands only its token is one.
 */
export function commandsIn(output: string): string[] {
  const commands: string[] = [];
  let stopToken: string | undefined;
  for (const line of output.split(/\r\n|\r|\n/)) {
    const command = doubleColonCommand(line) ?? bracketCommand(line);
    if (command === undefined) continue;
    if (stopToken !== undefined) {
      if (command.name.toLowerCase() === stopToken.toLowerCase()) stopToken = undefined;
      continue;
    }
    if (command.name.toLowerCase() === "stop-commands") stopToken = command.data;
    else commands.push(command.name);
  }
  return stopToken === undefined ? commands : [...commands, "(the fence was left open)"];
}

interface RunnerCommand {
  readonly name: string;
  readonly data: string;
}

function doubleColonCommand(line: string): RunnerCommand | undefined {
  const trimmed = line.replace(/^[\s\u0085\u180e]+/u, "");
  if (!trimmed.startsWith("::")) return undefined;
  const end = trimmed.indexOf("::", 2);
  if (end < 0) return undefined;
  return { name: nameOf(trimmed.slice(2, end)), data: trimmed.slice(end + 2) };
}

function bracketCommand(line: string): RunnerCommand | undefined {
  const start = line.indexOf("##[");
  if (start < 0) return undefined;
  const end = line.indexOf("]", start);
  if (end < 0) return undefined;
  return { name: nameOf(line.slice(start + 3, end)), data: line.slice(end + 1) };
}

function nameOf(info: string): string {
  const space = info.indexOf(" ");
  return space < 0 ? info : info.slice(0, space);
}

import {
  type Arg,
  type Copy,
  DockerfileParser,
  type Env,
  type Flag,
  type From,
  type Instruction,
} from "dockerfile-ast";
import { expandWord } from "./dockerfile-word.ts";

/** What a Dockerfile says about the image it makes, as far as it can be known without building it. */
export interface Dockerfile {
  /** Labels of the target stage and of the stages it is made from; those of base images are not known. */
  readonly labels: Readonly<Record<string, string>>;
  /** References of images outside this file (FROM, COPY --from, RUN --mount from), in order of appearance, each once. */
  readonly bases: readonly string[];
  /** Paths and patterns that the build may read from the context; `everything` when one of them cannot be told. */
  readonly sources: readonly string[] | "everything";
  /** Names of ARGs declared inside a stage: their values can change the image by more than the choice of its base. */
  readonly stageArgs: ReadonlySet<string>;
  /** Names of ARGs before the first FROM. */
  readonly globalArgs: ReadonlySet<string>;
  readonly stages: readonly string[];
}

export interface DockerfileOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Name or number of the stage to build; default is the last one. */
  readonly target: string | undefined;
}

interface Stage {
  readonly name: string;
  readonly variables: Map<string, string | undefined>;
  readonly labels: Record<string, string>;
}

interface Reading {
  readonly options: DockerfileOptions;
  readonly escapeCharacter: string;
  readonly globals: Map<string, string | undefined>;
  readonly stages: Stage[];
  readonly bases: Set<string>;
  readonly sources: Set<string>;
  readonly stageArgs: Set<string>;
}

/** Reads a Dockerfile with its build arguments put in. Returns undefined when `target` names no stage. */
export function parseDockerfile(content: string, options: DockerfileOptions): Dockerfile | undefined {
  const parsed = DockerfileParser.parse(content);
  const escapeCharacter = parsed.getEscapeCharacter();
  const reading: Reading = {
    options,
    escapeCharacter,
    globals: new Map(),
    stages: [],
    bases: new Set(),
    sources: new Set(),
    stageArgs: new Set(),
  };
  for (const instruction of parsed.getInstructions()) readInstruction(reading, instruction);
  const target = targetStage(reading.stages, options.target);
  if (!target) return undefined;
  return {
    labels: target.labels,
    bases: [...reading.bases],
    sources: reading.sources.has("") ? "everything" : [...reading.sources],
    stageArgs: reading.stageArgs,
    globalArgs: new Set(reading.globals.keys()),
    stages: reading.stages.map((stage) => stage.name),
  };
}

function readInstruction(reading: Reading, instruction: Instruction): void {
  const keyword = instruction.getKeyword();
  const stage = reading.stages.at(-1);
  if (keyword === "FROM") openStage(reading, instruction as From);
  else if (!stage) {
    if (keyword === "ARG") declare(reading, reading.globals, instruction as Arg);
  } else if (keyword === "ARG") {
    declare(reading, stage.variables, instruction as Arg, reading.globals);
    reading.stageArgs.add((instruction as Arg).getProperty()?.getName() ?? "");
  } else if (keyword === "ENV" || keyword === "LABEL") {
    setProperties(reading, stage, instruction as Env, keyword);
  } else if (keyword === "COPY" || keyword === "ADD") readSources(reading, stage, instruction as Copy);
  else if (keyword === "RUN") readMounts(reading, stage, instruction);
}

function openStage(reading: Reading, from: From): void {
  const image = expandWord(from.getImage() ?? "", reading.globals, reading.escapeCharacter);
  const parent = reading.stages.find((stage) => stage.name === image.toLowerCase());
  if (!parent && image !== "" && image !== "scratch") reading.bases.add(image);
  reading.stages.push({
    name: (from.getBuildStage() ?? String(reading.stages.length)).toLowerCase(),
    // ARGs of the parent stage are not inherited by the rules, but its ENV is; both are taken: a redeclared ARG wins anyway.
    variables: new Map(parent?.variables),
    labels: { ...parent?.labels },
  });
}

function declare(
  reading: Reading,
  variables: Map<string, string | undefined>,
  arg: Arg,
  globals?: Map<string, string | undefined>,
): void {
  const property = arg.getProperty();
  if (!property) return;
  const name = property.getName();
  const written = property.getUnescapedValue();
  const fallback = written === null ? globals?.get(name) : expandWord(written, variables, reading.escapeCharacter);
  const given = reading.options.buildArgs;
  variables.set(name, Object.hasOwn(given, name) ? given[name] : fallback);
}

function setProperties(reading: Reading, stage: Stage, instruction: Env, keyword: "ENV" | "LABEL"): void {
  const before = new Map(stage.variables);
  for (const property of instruction.getProperties()) {
    const name = expandWord(property.getName(), before, reading.escapeCharacter);
    const value = expandWord(property.getUnescapedValue() ?? "", before, reading.escapeCharacter);
    if (keyword === "ENV") stage.variables.set(name, value);
    else stage.labels[name] = value;
  }
}

function readSources(reading: Reading, stage: Stage, copy: Copy): void {
  const from = copy.getFlags().find((flag) => flag.getName() === "from");
  if (from) addFrom(reading, stage, from.getValue() ?? "");
  else for (const word of copyWords(copy).slice(0, -1)) addSource(reading, stage, word);
}

function copyWords(copy: Copy): readonly string[] {
  const raw = copy.getRawArgumentsContent() ?? "";
  if (raw.startsWith("[")) return JSON.parse(raw.replace(/\\\r?\n/g, "")) as string[];
  const words = copy.getArguments().map((argument) => argument.getValue());
  // With a heredoc its body follows as words: only those of the first line are sources and destination.
  return copy.getHeredocs().length > 0 ? (raw.split("\n")[0] ?? "").trim().split(/\s+/) : words;
}

function addSource(reading: Reading, stage: Stage, word: string): void {
  if (word.startsWith("<<") || /^(https?|git|ssh):\/\//.test(word) || word.startsWith("git@")) return;
  const path = expandWord(word, stage.variables, reading.escapeCharacter).replace(/^(\.?\/)+/, "");
  reading.sources.add(path === "." ? "" : path.replace(/\/+$/, ""));
}

function readMounts(reading: Reading, stage: Stage, run: Instruction): void {
  const flags: Flag[] = "getFlags" in run && typeof run.getFlags === "function" ? run.getFlags() : [];
  for (const flag of flags.filter((candidate) => candidate.getName() === "mount")) {
    const options = new Map(
      (flag.getValue() ?? "").split(",").map((part): [string, string] => {
        const at = part.indexOf("=");
        return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
      }),
    );
    const from = options.get("from");
    if (from) addFrom(reading, stage, from);
    else if ((options.get("type") ?? "bind") === "bind") {
      addSource(reading, stage, options.get("source") ?? options.get("src") ?? ".");
    }
  }
}

function addFrom(reading: Reading, stage: Stage, word: string): void {
  const from = expandWord(word, stage.variables, reading.escapeCharacter);
  const isStage = reading.stages.some((known) => known.name === from.toLowerCase()) || /^\d+$/.test(from);
  if (!isStage && from !== "" && from !== "scratch") reading.bases.add(from);
}

function targetStage(stages: readonly Stage[], target: string | undefined): Stage | undefined {
  if (target === undefined) return stages.at(-1);
  return stages.find((stage, index) => stage.name === target.toLowerCase() || String(index) === target);
}

import { type Arg, DockerfileParser, type Env, type From, type Instruction } from "dockerfile-ast";
import { ValidationCode, validate } from "dockerfile-utils";

/** Something in a Dockerfile that a builder may refuse or that its author probably did not mean. */
export interface DockerfileWarning {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** Flags come with every release of the Dockerfile syntax: the builder knows best which there are. */
const unknownFlags: readonly ValidationCode[] = [
  ValidationCode.UNKNOWN_ADD_FLAG,
  ValidationCode.UNKNOWN_COPY_FLAG,
  ValidationCode.UNKNOWN_FROM_FLAG,
  ValidationCode.UNKNOWN_HEALTHCHECK_FLAG,
];

const secretName = /(^|_)(password|passwd|secret|token|api_?key|private_?key|credentials?|access_?key)(_|$)/i;

/** What is doubtful about a Dockerfile, by line. Nothing here fails a build: that is the builder's to decide. */
export function dockerfileWarnings(content: string): readonly DockerfileWarning[] {
  const found = validate(content).filter(({ code }) => !unknownFlags.includes(code as ValidationCode));
  const warnings = [
    ...found.map(({ range, message }) => ({
      line: range.start.line + 1,
      message: typeof message === "string" ? message : message.value,
    })),
    ...DockerfileParser.parse(content).getInstructions().flatMap(ownWarnings),
  ];
  return warnings.sort((one, other) => one.line - other.line);
}

/** Checks of BuildKit that the library does not have: FromAsCasing, SecretsUsedInArgOrEnv. */
function ownWarnings(instruction: Instruction): readonly DockerfileWarning[] {
  const line = instruction.getRange().start.line + 1;
  const keyword = instruction.getKeyword();
  if (keyword === "FROM") return casing(instruction as From).map((message) => ({ line, message }));
  return secretNames(instruction, keyword).map((name) => ({
    line,
    message: `${keyword} ${name} looks like a secret, and everybody who has the image can read it: use RUN --mount=type=secret`,
  }));
}

function casing(from: From): readonly string[] {
  const as = from.getArguments()[1]?.getValue();
  const keyword = from.getInstruction();
  const isAlike = as === undefined || as === (keyword === keyword.toLowerCase() ? "as" : "AS");
  return isAlike ? [] : [`FROM and AS should be written alike: ${keyword} ... ${as}`];
}

function secretNames(instruction: Instruction, keyword: string): readonly string[] {
  if (keyword !== "ENV" && keyword !== "ARG") return [];
  const properties = keyword === "ENV" ? (instruction as Env).getProperties() : [(instruction as Arg).getProperty()];
  return properties.map((property) => property?.getName() ?? "").filter((name) => secretName.test(name));
}

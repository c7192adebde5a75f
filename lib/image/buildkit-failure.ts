import { DomainError } from "../error.ts";

interface Refusal {
  readonly pattern: RegExp;
  readonly code: string;
  /** What is wrong, ahead of buildctl's own words. */
  readonly what: (place: Place) => string;
  readonly hint: (place: Place) => string;
}

interface Place {
  readonly address: string;
  /** Folder of the certificates. */
  readonly folder: string;
}

const renewClient = ({ folder }: Place) =>
  `${folder}/cert.pem has to be in date, and signed by the authority that the daemon was given.`;

/** In the order in which they are tried: what a server says of us comes before what we say of a server. */
const refusals: readonly Refusal[] = [
  {
    pattern: /did not contain one of the needed files|could not read (?:ca )?certificate|failed to append ca certs/,
    code: "buildkit-certificates",
    what: ({ folder }) => `The certificates in ${folder} (BUILDKIT_TLS_DIR) cannot be used`,
    hint: () =>
      "The folder needs ca.pem, cert.pem and key.pem, in PEM, or ca.crt, tls.crt and tls.key as a Secret of type kubernetes.io/tls has them.",
  },
  {
    pattern: /remote error: tls: /,
    code: "buildkit-unauthorized",
    what: ({ address, folder }) => `buildkitd at ${address} does not accept the client's certificate of ${folder}`,
    hint: renewClient,
  },
  {
    pattern: /first record does not look like a TLS handshake/,
    code: "buildkit-plain-text",
    what: ({ address }) => `buildkitd at ${address} speaks no TLS`,
    hint: () => "Give the daemon certificates, or unset BUILDKIT_TLS_DIR on a network that you trust.",
  },
  {
    pattern: /x509: certificate has expired/,
    code: "buildkit-untrusted",
    what: ({ address }) => `The certificate of buildkitd at ${address} is not accepted`,
    hint: () => "Issue the daemon a new certificate; if it is in date, set the clock of this machine.",
  },
  {
    pattern: /x509: (?:certificate is (?:not )?valid for|cannot validate certificate for)/,
    code: "buildkit-untrusted",
    what: ({ address }) => `The certificate of buildkitd at ${address} is not accepted`,
    hint: () =>
      "Put a name of that certificate into BUILDKIT_HOST, or issue the daemon one for the name that is there.",
  },
  {
    pattern: /x509: /,
    code: "buildkit-untrusted",
    what: ({ address }) => `The certificate of buildkitd at ${address} is not accepted`,
    hint: ({ folder }) => `Put the certificate of the authority that signed the daemon's into ${folder}/ca.pem.`,
  },
];

/** What went wrong between buildctl and its daemon, told apart by the last line that buildctl said; an empty one stands for silence. */
export function buildkitFailure(env: NodeJS.ProcessEnv, said: string): DomainError {
  const line = lastLine(said);
  const place = placeOf(env);
  const refusal = refusals.find(({ pattern }) => pattern.test(line));
  if (refusal)
    return new DomainError(refusal.code, `${refusal.what(place)}: ${wordsOf(line)}.`, { hint: refusal.hint(place) });
  if (isHungUp(line)) return hungUp(env, place);
  const words = wordsOf(line) || "it says nothing";
  return new DomainError("buildkit-unreachable", `No buildkitd answers at ${place.address}: ${words}.`, {
    hint: "Check that the daemon runs, and what BUILDKIT_HOST says (tcp://HOST:PORT or unix://PATH).",
    retryable: true,
  });
}

/** Whether the daemon ended the connection without a word that reached us: whether its reason or its hanging up is seen first is chance. */
export function isHungUp(said: string): boolean {
  return /broken pipe|connection reset|server preface: EOF/.test(said);
}

/** A build that ended because the connection to the daemon did; undefined for all others, also a step that lost a connection of its own. */
export function connectionLost(env: NodeJS.ProcessEnv, said: string): DomainError | undefined {
  const line = lastLine(said);
  const [, words] = /^error: .*(?:\bUnavailable: |\bcode = Unavailable desc = )(.*)/.exec(line) ?? [];
  if (words === undefined) return undefined;
  const { address } = placeOf(env);
  return new DomainError(
    "buildkit-lost",
    `The connection to buildkitd at ${address} broke during the build: ${words}.`,
    {
      hint: "Build again: the steps that were done are in the daemon's cache. Its own log says whether it was killed.",
      retryable: true,
    },
  );
}

function hungUp(env: NodeJS.ProcessEnv, place: Place): DomainError {
  const what = `buildkitd at ${place.address} hangs up on`;
  if (env.BUILDKIT_TLS_DIR) {
    const hint = renewClient(place);
    return new DomainError("buildkit-unauthorized", `${what} the certificate of ${place.folder}.`, { hint });
  }
  return new DomainError("buildkit-tls-needed", `${what} a client without TLS.`, {
    hint: "Set BUILDKIT_TLS_DIR to a folder with ca.pem, cert.pem and key.pem.",
  });
}

function placeOf(env: NodeJS.ProcessEnv): Place {
  return { address: env.BUILDKIT_HOST || "its default address", folder: env.BUILDKIT_TLS_DIR || "this machine" };
}

function lastLine(said: string): string {
  return said.trim().split("\n").at(-1) ?? "";
}

function wordsOf(line: string): string {
  return line
    .replace(/^error: (?:failed to list workers: )?(?:Unavailable: )?/, "")
    .replace(/^.*?desc = "(.*)"$/, "$1")
    .replace(/^(?:(?:transport|authentication handshake failed|error reading server preface|tls): )+/, "")
    .replace(/^(?:Error while dialing|failed to verify certificate|remote error): /, "")
    .replaceAll('\\"', '"');
}

import type { TreeContent } from "./git-tree.ts";

/** A file that should perhaps not be in an image. */
export interface SecretFile {
  readonly path: string;
  /** What makes it look so, for instance `a private key`. */
  readonly why: string;
}

const names = [
  [/(^|\/)\.env(\.(?!example$|sample$|template$|dist$)[^/]+)?$/, "a file of environment variables"],
  [/(^|\/)id_(rsa|dsa|ecdsa|ed25519)$/, "a private key of SSH"],
  [/(^|\/)(\.netrc|\.git-credentials|\.pgpass|\.htpasswd)$/, "a file of passwords"],
  [/(^|\/)(\.docker\/config\.json|\.aws\/credentials|kubeconfig|\.kube\/config)$/, "a login of a tool"],
  [/\.(p12|pfx|jks|keystore|kdbx)$/i, "a store of keys"],
] as const;

// What no other text looks like: public formats of keys and tokens.
const contents = [
  [/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/, "a private key"],
  [/\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{82}\b/, "a token of GitHub"],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/, "a key of AWS"],
  [/\bglpat-[\w-]{20}\b|\bxox[abprs]-[\w-]{20,}|\bnvapi-[\w-]{60,}\b|\bhf_[A-Za-z]{34}\b/, "a token of a service"],
  [/^\/\/[^\s:]+\/:_authToken=\S{8,}/m, "a login of a package registry"],
] as const;

/** One of these is in whatever the expressions above match. */
const markers = [
  "PRIVATE KEY-----",
  "ghp_",
  "gho_",
  "ghu_",
  "ghs_",
  "ghr_",
  "github_pat_",
  "AKIA",
  "ASIA",
  "glpat-",
  "xox",
  "nvapi-",
  "hf_",
  "_authToken=",
];

/** As far into each file as it is looked at, in bytes. */
const lookedAtBytes = 1 << 16;

/** Passes files on as they are and tells which look like secrets, by their names and by the beginning of their contents. */
export async function* watchForSecrets(
  files: AsyncIterable<TreeContent>,
  found: (file: SecretFile) => void,
): AsyncGenerator<TreeContent> {
  for await (const { file, bytes } of files) {
    const named = names.find(([pattern]) => pattern.test(file.path));
    if (named) found({ path: file.path, why: named[1] });
    yield { file, bytes: named ? bytes : watch(bytes, file.size, (why) => found({ path: file.path, why })) };
  }
}

async function* watch(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
  found: (why: string) => void,
): AsyncGenerator<Uint8Array> {
  const wanted = Math.min(size, lookedAtBytes);
  let beginning: Buffer[] | undefined = [];
  let length = 0;
  for await (const chunk of bytes) {
    if (beginning) {
      const part = Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, wanted - length));
      length += part.length;
      const isEnough: boolean = length >= wanted;
      // Most files come in one piece; of others a copy is kept, as a piece may be valid until the next one only.
      beginning.push(isEnough ? part : Buffer.from(part));
      const why = isEnough ? whatIsIn(beginning) : undefined;
      if (why !== undefined) found(why);
      if (isEnough) beginning = undefined;
    }
    yield chunk;
  }
}

/** Searching for a marker costs a hundredth of what an expression does, and nearly no file has one. */
function whatIsIn(chunks: readonly Buffer[]): string | undefined {
  const [only, ...more] = chunks;
  const bytes = only && more.length === 0 ? only : Buffer.concat(chunks);
  if (!markers.some((marker) => bytes.includes(marker, 0, "latin1"))) return undefined;
  const text = bytes.toString("latin1");
  return contents.find(([pattern]) => pattern.test(text))?.[1];
}

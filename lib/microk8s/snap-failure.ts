import { DomainError } from "../error.ts";
import type { CommandError } from "../exec.ts";

interface SnapTrouble {
  readonly code: string;
  readonly pattern: RegExp;
  /** What is the matter, for people. */
  readonly words: string;
  readonly hint: string;
  /** Whether it may pass by itself. */
  readonly passes: boolean;
}

/** What snapd says, and microk8s where it asks snapd, in the order in which it is looked for. */
const troubles: readonly SnapTrouble[] = [
  {
    code: "snap-not-seeded",
    pattern: /not yet seeded|device not seeded|too early for operation/i,
    words: "snapd has not finished its own first start (seeding)",
    hint: "Look at: snap changes; snap debug seeding.",
    passes: true,
  },
  {
    code: "snap-busy",
    pattern: /changes? in progress|snapd is about to reboot|try again later/i,
    words: "snapd is busy with another change",
    hint: "Look at: snap changes; a change that hangs is ended by: snap abort ID.",
    passes: true,
  },
  {
    code: "snapd-away",
    pattern: /cannot communicate with server|snapd\.socket|connect: (no such file|connection refused)/i,
    words: "snapd does not answer",
    hint: "Run: systemctl start snapd.socket snapd; and look at: journalctl -u snapd.",
    passes: true,
  },
  {
    code: "snap-store-unreachable",
    pattern:
      /unable to contact snap store|api\.snapcraft\.io|name resolution|no such host|i\/o timeout|TLS handshake|connection (reset|refused|timed out)|context deadline exceeded|too many requests|\b(429|50[0234])\b|unexpected EOF|network is unreachable/i,
    words: "the snap store cannot be reached or fails",
    hint: "Check the machine's way to api.snapcraft.io (a proxy: snap set system proxy.https=URL), and status.snapcraft.io.",
    passes: true,
  },
  {
    code: "channel-missing",
    pattern: /non-existing|is not available on|no snap revision|not found in channel/i,
    words: "there is no such channel for this machine",
    hint: "Set channel to one that this lists: snap info microk8s.",
    passes: false,
  },
];

/** What a failed call of snapd means; undefined when it is none of the known troubles. */
export function findSnapTrouble(error: CommandError): SnapTrouble | undefined {
  return troubles.find(({ pattern }) => pattern.test(error.stderr));
}

/** The error for a reader: which trouble, what snapd said last, what to do. */
export function snapFailure(what: string, error: CommandError, trouble = findSnapTrouble(error)): DomainError {
  const said = error.stderr.trim().split("\n").slice(-3).join("\n") || error.message;
  const {
    code = "snap-failed",
    words = "snapd refused",
    hint = "Look at: snap changes; journalctl -u snapd.",
  } = trouble ?? {};
  return new DomainError(code, `${what}: ${words}: ${said}`, {
    hint,
    retryable: trouble?.passes ?? false,
    cause: error,
  });
}

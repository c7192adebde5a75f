import { DomainError } from "../error.ts";
import { type CommandError, findProgram } from "../exec.ts";
import type { Host } from "../host.ts";

type Deps = Pick<Host, "exec" | "env" | "signal">;

/** How containerd's own client is started on this machine, with the kubelet's images in sight. */
export interface ContainerdClient {
  readonly program: string;
  readonly args: readonly string[];
}

/** Those that bring a client of their own know where their socket is. */
const clients = [["microk8s", "ctr"], ["k3s", "ctr"], ["ctr"]] as const;

/** Finds microk8s', k3s' or the machine's ctr; where CONTAINERD_ADDRESS says which containerd is meant, the last one. Throws DomainError `engine-absent`. */
export async function findContainerd({ exec, env }: Deps): Promise<ContainerdClient> {
  const wanted = env.CONTAINERD_ADDRESS ? [["ctr"] as const] : clients;
  for (const [name, ...words] of wanted) {
    const found = await findProgram(exec, name);
    if (found === undefined) continue;
    const args = [...words, "--namespace", "k8s.io"];
    // Its socket is root's.
    if (process.getuid?.() === 0) return { program: found, args };
    return { program: "sudo", args: ["-n", "--preserve-env=CONTAINERD_ADDRESS", found, ...args] };
  }
  throw new DomainError("engine-absent", "This machine has no client of containerd: neither microk8s, k3s nor ctr.", {
    hint: "Run this on the node itself, or use the registry.",
  });
}

/** Why containerd did not do something: what its client said, told apart where there is something to be done about it. */
export function containerdFailure(code: string, what: string, cause: CommandError): DomainError {
  const words = cause.stderr.trim().split("\n").at(-1) || cause.message;
  if (/cannot access socket|failed to dial|connection (?:error|refused)|\bUnavailable\b/i.test(words)) {
    return new DomainError("containerd-unreachable", `containerd ${what}, for it does not answer: ${words}`, {
      hint: "Start it (microk8s start; systemctl start containerd); CONTAINERD_ADDRESS names another socket.",
      retryable: true,
      cause,
    });
  }
  if (/no space left on device/i.test(words)) {
    return new DomainError(code, `containerd ${what}: its disk is full (${words}).`, {
      hint: "Free space where containerd keeps its images; crictl rmi --prune removes those that no container uses.",
      cause,
    });
  }
  return new DomainError(code, `containerd ${what}: ${words}`, {
    hint: "Its socket is root's: run as root, or allow this user sudo without a password; CONTAINERD_ADDRESS names another socket.",
    cause,
  });
}

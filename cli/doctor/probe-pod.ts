import { randomBytes } from "node:crypto";
import type { Pod } from "../../lib/kubernetes/resource.ts";

export interface ProbePodOptions {
  /** `repository@digest`, by the name that the kubelet pulls from. */
  readonly image: string;
  /** The registry's name inside of pods, `host[:port]`; undefined where nobody says. */
  readonly inCluster: string | undefined;
  readonly now: Date;
}

/** The longest that a probe may run in its container, in seconds. */
const runSeconds = 60;
/** Exit code of a probe that has no program to ask with. */
export const noToolExitCode = 10;

/**
 * Asks the registry with whatever the image has; a tool that crashes counts as none. An answer of any kind, also a question for a password,
 * means that the registry is reached. What a tool said last is the termination message.
 */
const script = `[ -n "$1" ] || exit 0
host=\${1%:*} port=\${1##*:}
[ "$port" != "$1" ] || port=80
ask() {
  case $1 in
  curl) curl -sS -m 10 -o /dev/null "http://$host:$port/v2/" ;;
  python3) python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=10)' "http://$host:$port/v2/" ;;
  nc) printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' | nc -w 10 "$host" "$port" ;;
  wget) wget -T 10 -O /dev/null "http://$host:$port/v2/" ;;
  bash) bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" ;;
  esac
}
for tool in curl python3 nc wget bash; do
  command -v "$tool" >/dev/null 2>&1 || continue
  said=$(ask "$tool" 2>&1)
  code=$?
  [ $code -le 128 ] || continue
  [ $code -ne 0 ] || exit 0
  case $said in *HTTP*|*40[0-9]*) exit 0 ;; esac
  echo "$said" >/dev/termination-log
  exit 1
done
exit ${noToolExitCode}`;

/** A pod that passes Pod Security restricted, runs for seconds, and expires if doctor cannot remove it. */
export function probePod({ image, inCluster, now }: ProbePodOptions): Pod {
  return {
    metadata: {
      name: `gpu-ci-doctor-${randomBytes(4).toString("hex")}`,
      labels: { "app.kubernetes.io/managed-by": "gpu-ci" },
      annotations: { "gpu-ci/expires": new Date(now.getTime() + 600_000).toISOString() },
    },
    spec: {
      restartPolicy: "Never",
      activeDeadlineSeconds: runSeconds + 60,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "probe",
          image,
          // Also an image that the node has is asked for at the registry.
          imagePullPolicy: "Always",
          command: ["/bin/sh", "-c", script, "sh", inCluster ?? ""],
          resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
}

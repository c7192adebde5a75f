/** What podman is told on a machine where it does not work by itself. */
export interface PodmanSettings {
  readonly runtime: "runc" | undefined;
  readonly ulimits: readonly string[];
  readonly cgroups: "disabled" | undefined;
  readonly cgroupManager: "cgroupfs" | undefined;
  readonly network: "host" | "none" | undefined;
  readonly storageDriver: "vfs" | undefined;
  /** Each setting and its reason, in words, in the order they were found necessary. */
  readonly said: readonly string[];
}

/** What the machine offers for a remedy. */
export interface PodmanFacts {
  readonly hasRunc: boolean;
  readonly limits: readonly string[];
}

/** podman as its makers and the machine's administrator configured it. */
export const podmanDefaults: PodmanSettings = {
  runtime: undefined,
  ulimits: [],
  cgroups: undefined,
  cgroupManager: undefined,
  network: undefined,
  storageDriver: undefined,
  said: [],
};

interface Remedy {
  readonly fault: RegExp;
  readonly say: string;
  readonly change: (settings: PodmanSettings, facts: PodmanFacts) => Partial<PodmanSettings> | undefined;
}

const lowLimit = "nofile=1024:1024";

const remedies: readonly Remedy[] = [
  {
    fault: /rlimit/i,
    say: "explicit ulimits, because limits cannot be raised here",
    change: ({ ulimits }, { limits }) => (ulimits.length === 0 && limits.length > 0 ? { ulimits: limits } : undefined),
  },
  {
    fault: /rlimit/i,
    say: "low ulimits, because the hard limits of this process were refused too",
    change: ({ ulimits }) => (ulimits.includes(lowLimit) ? undefined : { ulimits: [lowLimit, "nproc=1024:1024"] }),
  },
  {
    fault: /systemd|dbus/i,
    say: "cgroups managed without systemd",
    change: ({ cgroupManager }) => (cgroupManager ? undefined : { cgroupManager: "cgroupfs" }),
  },
  {
    fault: /cgroup/i,
    say: "runtime runc, because crun refuses the cgroups of this machine",
    change: ({ runtime }, { hasRunc }) => (runtime || !hasRunc ? undefined : { runtime: "runc" }),
  },
  {
    fault: /cgroup/i,
    say: "no cgroups and so no limits of memory and CPU, because none can be made here",
    change: ({ cgroups }) => (cgroups ? undefined : { cgroups: "disabled" }),
  },
  {
    fault: /overlay|storage driver|graph driver/i,
    say: "storage driver vfs, because overlay cannot be mounted",
    change: ({ storageDriver }) => (storageDriver ? undefined : { storageDriver: "vfs" }),
  },
  {
    fault: /netavark|aardvark|network|netns|iptables|nftables|bridge|slirp|pasta|cni/i,
    say: "the machine's own network, because containers cannot have one of theirs",
    change: ({ network }) => (network ? undefined : { network: "host" }),
  },
  {
    fault: /netavark|network|netns/i,
    say: "no network at all",
    change: ({ network }) => (network === "host" ? { network: "none" } : undefined),
  },
  {
    fault: /OCI|runtime|crun/i,
    say: "runtime runc, because the configured one fails",
    change: ({ runtime }, { hasRunc }) => (runtime || !hasRunc ? undefined : { runtime: "runc" }),
  },
];

/** The settings with one remedy more for this fault; undefined when there is none left. */
export function applyRemedy(settings: PodmanSettings, fault: string, facts: PodmanFacts): PodmanSettings | undefined {
  for (const remedy of remedies) {
    const change = remedy.fault.test(fault) ? remedy.change(settings, facts) : undefined;
    if (change) return { ...settings, ...change, said: [...settings.said, remedy.say] };
  }
  return undefined;
}

/** The text of a containers.conf with these settings. */
export function toContainersConf(settings: PodmanSettings): string {
  const { runtime, ulimits, cgroups, cgroupManager, network } = settings;
  return [
    "[containers]",
    ...(ulimits.length > 0 ? [`default_ulimits = ${JSON.stringify(ulimits)}`] : []),
    ...(cgroups ? [`cgroups = "${cgroups}"`] : []),
    ...(network ? [`netns = "${network}"`] : []),
    "[engine]",
    ...(runtime ? [`runtime = "${runtime}"`] : []),
    ...(cgroupManager ? [`cgroup_manager = "${cgroupManager}"`] : []),
    "",
  ].join("\n");
}

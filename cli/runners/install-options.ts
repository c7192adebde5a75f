import { parseDuration } from "../../lib/duration.ts";
import { InputError } from "../../lib/error.ts";
import { valueOption } from "./runners-options.ts";

/** Options of `gpu-ci runners install`. */
export const installOptions = [
  valueOption("forge", "Address of the forge.", "https://github.com"),
  valueOption("kind", "github or gitea (also for Forgejo); default is github for github.com, else gitea."),
  valueOption(
    "scope",
    "Whose jobs the runners take: org:NAME, repo:OWNER/NAME, or instance (not on GitHub). Required.",
  ),
  valueOption("runner-image", "Image of the runners, REPOSITORY@sha256:DIGEST. Required."),
  valueOption("controller-image", "Image of the controller, REPOSITORY@sha256:DIGEST. Required."),
  valueOption("replicas", "How many runners wait or work at a time.", "2"),
  valueOption("labels", "What runs-on may ask for, separated by commas.", "self-hosted,gpu"),
  valueOption("token-file", "File with the forge's token; default is to ask for it on the terminal."),
  valueOption("release", "Name of the Helm release.", "gpu-ci"),
  valueOption("values", "File of further values for the chart; repeat it for more."),
  valueOption("timeout", "How long to wait for the release, and for the first runner.", "10m"),
];

/** What is installed. */
export interface Installation {
  readonly forge: string;
  readonly kind: "github" | "gitea";
  readonly scope: string;
  readonly runnerImage: string;
  readonly controllerImage: string;
  readonly replicas: number;
  readonly labels: readonly string[];
  readonly release: string;
  readonly valueFiles: readonly string[];
  readonly timeoutMs: number;
}

/** The Secret in which the chart looks for the forge's token. */
export const tokenSecret = "gpu-ci-runners-token";

/** Reads the options of an installation. Throws InputError before anything is asked of the cluster or the forge. */
export function readInstallation(values: ReadonlyMap<string, string>): Installation {
  const get = (name: string) =>
    values.get(name) ?? installOptions.find((option) => option.name === name)?.default ?? "";
  const forge = get("forge").replace(/\/$/, "");
  if (!/^https?:\/\/[^/\s]+(\/\S*)?$/.test(forge))
    throw new InputError("forge", forge, "an address such as https://github.com");
  const kind = get("kind") || (new URL(forge).hostname === "github.com" ? "github" : "gitea");
  if (kind !== "github" && kind !== "gitea") throw new InputError("kind", kind, "github, gitea");
  const scopes =
    kind === "github" ? /^(org:[^/\s]+|repo:[^/\s]+\/[^/\s]+)$/ : /^(instance|org:[^/\s]+|repo:[^/\s]+\/[^/\s]+)$/;
  const scope = matching(
    get("scope"),
    "scope",
    scopes,
    `org:NAME, repo:OWNER/NAME${kind === "gitea" ? ", instance" : ""}`,
  );
  const timeout = get("timeout");
  const timeoutMs = parseDuration(timeout);
  if (!timeoutMs) throw new InputError("timeout", timeout, "a duration such as 90s or 10m");
  const image = /^[^\s@]+@sha256:[0-9a-f]{64}$/;
  return {
    forge,
    kind,
    scope,
    runnerImage: matching(get("runner-image"), "runner-image", image, "REPOSITORY@sha256:DIGEST"),
    controllerImage: matching(get("controller-image"), "controller-image", image, "REPOSITORY@sha256:DIGEST"),
    replicas: Number(
      matching(get("replicas"), "replicas", /^(\d{1,2}|[1-4]\d\d|500)$/, "a whole number from 0 to 500"),
    ),
    labels: matching(get("labels"), "labels", /^[^\s,:]+(,[^\s,:]+)*$/, "words separated by commas").split(","),
    release: matching(
      get("release"),
      "release",
      /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/,
      "a name of at most 40 letters, digits and -",
    ),
    valueFiles: (values.get("values") ?? "").split("\n").filter((file) => file !== ""),
    timeoutMs,
  };
}

/** The chart's values for it. There is no secret in them. */
export function chartValues(installation: Installation): object {
  const { kind, forge: url, scope, replicas, labels, runnerImage, controllerImage } = installation;
  return {
    mode: "plain",
    forge: { kind, url, scope, tokenSecret },
    replicas,
    labels,
    runner: { image: runnerImage },
    controller: { image: controllerImage },
  };
}

function matching(value: string, name: string, pattern: RegExp, allowed: string): string {
  if (pattern.test(value)) return value;
  throw new InputError(name, value, allowed);
}

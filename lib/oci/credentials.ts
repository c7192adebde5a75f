import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { DomainError } from "../error.ts";
import type { Exec } from "../exec.ts";
import { reasonOf } from "./registry-error.ts";

/** What a registry accepts: a name and password, or a token that is exchanged for shorter ones. */
export type Credentials = { readonly username: string; readonly password: string } | { readonly identityToken: string };

const configSchema = v.looseObject({
  auths: v.optional(
    v.record(v.string(), v.looseObject({ auth: v.optional(v.string()), identitytoken: v.optional(v.string()) })),
  ),
  credHelpers: v.optional(v.record(v.string(), v.string())),
  credsStore: v.optional(v.string()),
});
const helperSchema = v.looseObject({ Username: v.string(), Secret: v.string() });

/**
 * Looks a registry up as docker and podman do: REGISTRY_AUTH_FILE, podman's auth.json, then docker's config.json with its
 * credHelpers, auths and credsStore. Undefined when nothing is stored; throws DomainError `credentials-invalid` for an unreadable file.
 */
export async function findCredentials(
  registry: string,
  env: NodeJS.ProcessEnv,
  exec: Exec,
): Promise<Credentials | undefined> {
  for (const file of configFiles(env)) {
    const found = await searchFile(file, registry, exec);
    if (found) return found;
  }
  return undefined;
}

function configFiles(env: NodeJS.ProcessEnv): readonly string[] {
  const home = env.HOME ?? homedir();
  const files = [
    env.REGISTRY_AUTH_FILE,
    env.XDG_RUNTIME_DIR === undefined ? undefined : join(env.XDG_RUNTIME_DIR, "containers/auth.json"),
    join(env.DOCKER_CONFIG ?? join(home, ".docker"), "config.json"),
  ];
  return files.filter((file) => file !== undefined && file !== "") as string[];
}

async function searchFile(file: string, registry: string, exec: Exec): Promise<Credentials | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EACCES") return undefined;
    throw error;
  });
  if (text === undefined || text.trim() === "") return undefined;
  const config = parseConfig(text, file);
  const keys = keysOf(registry);
  const helper = keys.map((key) => config.credHelpers?.[key]).find((name) => name !== undefined);
  if (helper !== undefined) return askHelper(helper, keys, exec);
  const auth = keys.map((key) => config.auths?.[key]).find((entry) => entry?.auth || entry?.identitytoken);
  if (auth?.identitytoken) return { identityToken: auth.identitytoken };
  if (auth?.auth) return decode(auth.auth, file);
  return config.credsStore ? askHelper(config.credsStore, keys, exec) : undefined;
}

function parseConfig(text: string, file: string): v.InferOutput<typeof configSchema> {
  try {
    return v.parse(configSchema, JSON.parse(text));
  } catch (error) {
    throw new DomainError("credentials-invalid", `${file} is no docker configuration.`, {
      hint: "Repair or remove it.",
      cause: error,
    });
  }
}

// Docker wrote and writes all of these spellings.
function keysOf(registry: string): readonly string[] {
  const hub = ["docker.io", "index.docker.io", "registry-1.docker.io"];
  const names = hub.includes(registry) ? ["https://index.docker.io/v1/", ...hub] : [registry];
  return names.flatMap((name) =>
    name.includes("://")
      ? [name]
      : [name, `https://${name}`, `http://${name}`, `https://${name}/v2/`, `https://${name}/v1/`],
  );
}

function decode(auth: string, file: string): Credentials {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) {
    throw new DomainError("credentials-invalid", `${file} holds an auth entry that is not base64 of name:password.`, {
      hint: "Log in again with docker or podman.",
    });
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

// https://github.com/docker/docker-credential-helpers: the registry on standard input, JSON on standard output.
async function askHelper(name: string, keys: readonly string[], exec: Exec): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(name))
    throw new DomainError("credentials-invalid", `Credential helper ${JSON.stringify(name)} is no program's name.`);
  const program = `docker-credential-${name}`;
  for (const key of keys.slice(0, 2)) {
    const { stdout, stderr, exitCode } = await exec(program, ["get"], { stdin: key, ignoreExitCode: true }).catch(
      (error: unknown) => {
        throw helperFailed(program, reasonOf(error), error);
      },
    );
    // The protocol has no code for it: every helper prints this text.
    if (exitCode !== 0 && /credentials not found/i.test(stdout + stderr)) continue;
    if (exitCode !== 0) throw helperFailed(program, `exit code ${exitCode}, ${stderr.trim() || stdout.trim()}`);
    const answer = v.parse(helperSchema, JSON.parse(stdout));
    return answer.Username === "<token>"
      ? { identityToken: answer.Secret }
      : { username: answer.Username, password: answer.Secret };
  }
  return undefined;
}

function helperFailed(program: string, observed: string, cause?: unknown): DomainError {
  return new DomainError("credentials-invalid", `Credential helper ${program} gave no answer: ${observed}.`, {
    hint: "Repair it, or give username and password, which need no docker configuration.",
    ...(cause === undefined ? {} : { cause }),
  });
}

import { randomBytes } from "node:crypto";
import { InputError } from "../error.ts";
import type { ServiceRequest } from "./service-request.ts";
import { resolveTestImage, type TestImageOptions } from "./test-image.ts";
import type { TestService } from "./test-pod.ts";

/** Services as a pod runs them, and what the test learns of them by its environment. */
export interface ResolvedServices {
  readonly services: readonly TestService[];
  /** `DB_HOST` and `DB_PORT` for a service `db` with a port. */
  readonly env: Readonly<Record<string, string>>;
  /** The random values, as `DB_POSTGRES_PASSWORD` for variable POSTGRES_PASSWORD of service `db`. */
  readonly secretEnv: Readonly<Record<string, string>>;
}

const randomMark = "${random}";

/** 32 hexadecimal digits, which every program takes as a password. */
function randomPassword(): string {
  return randomBytes(16).toString("hex");
}

/** The same variables, with a value of this run alone for each `${random}`. */
export function fillRandom(
  env: Readonly<Record<string, string>>,
  random: () => string = randomPassword,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replaceAll(randomMark, random)]));
}

/** Gives each variable with `${random}` a value of this run alone. */
export function resolveServices(
  requests: readonly ServiceRequest[],
  random: () => string = randomPassword,
): ResolvedServices {
  const env: Record<string, string> = {};
  const secretEnv: Record<string, string> = {};
  const services = requests.map((request): TestService => {
    const prefix = `${request.name.toUpperCase().replaceAll("-", "_")}_`;
    const isRandom = ([, value]: [string, string]) => value.includes(randomMark);
    const entries = Object.entries(request.env);
    const secrets = entries.filter(isRandom).map(([name, value]) => {
      secretEnv[`${prefix}${name}`] = value.replaceAll(randomMark, random);
      return [name, `${prefix}${name}`];
    });
    const [port] = request.ports;
    if (port !== undefined) Object.assign(env, { [`${prefix}HOST`]: "127.0.0.1", [`${prefix}PORT`]: String(port) });
    return {
      ...request,
      env: Object.fromEntries(entries.filter((entry) => !isRandom(entry))),
      secretEnv: Object.fromEntries(secrets),
    };
  });
  return { services, env, secretEnv };
}

/** Throws InputError when the caller's own variables would hide one of a service. */
export function checkServiceVariables(
  requests: readonly ServiceRequest[],
  given: { readonly env: Readonly<Record<string, string>>; readonly "secret-env": Readonly<Record<string, string>> },
): void {
  const { env, secretEnv } = resolveServices(requests, () => "");
  for (const input of ["env", "secret-env"] as const) {
    const taken = Object.keys(given[input]).find((name) => name in env || name in secretEnv);
    if (taken !== undefined) throw new InputError(input, taken, "names that no variable of a service has");
  }
}

/** The same services with their images by digest; the registry is asked for tags alone. Throws the registry's DomainErrors. */
export async function pinServices(
  requests: readonly ServiceRequest[],
  deps: Pick<TestImageOptions, "env" | "log" | "signal">,
): Promise<readonly ServiceRequest[]> {
  const asItIs = { command: undefined, args: [], wrap: false };
  return Promise.all(
    requests.map(async (request) => {
      const { image } = await resolveTestImage({ ...deps, ...asItIs, image: request.image });
      return { ...request, image };
    }),
  );
}

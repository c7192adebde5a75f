import { describe, expect, it } from "vitest";
import { parseServices } from "../../../../lib/engine/service-request.ts";
import { checkServiceVariables, fillRandom, resolveServices } from "../../../../lib/engine/test-service.ts";

const random = "$" + "{random}";
const requests = parseServices(
  "services",
  `object-store: {image: a, ports: [9000], env: {USER: root, PASSWORD: "${random}", KEYS: "a=${random},b=${random}"}}`,
);

describe("fillRandom", () => {
  it("gives each mark a value and leaves the rest as it is", () => {
    const mark = "$" + "{random}";
    let count = 0;
    const env = { A: `user:${mark}`, B: mark, C: "plain" };
    expect(fillRandom(env, () => `r${++count}`)).toEqual({ A: "user:r1", B: "r2", C: "plain" });
    expect(fillRandom({ A: mark }).A).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("resolveServices", () => {
  it("gives every ${random} a value of its own, and the test the same value under the service's name", () => {
    let count = 0;
    const { services, env, secretEnv } = resolveServices(requests, () => `r${++count}`);
    expect(env).toEqual({ OBJECT_STORE_HOST: "127.0.0.1", OBJECT_STORE_PORT: "9000" });
    expect(secretEnv).toEqual({ OBJECT_STORE_PASSWORD: "r1", OBJECT_STORE_KEYS: "a=r2,b=r3" });
    expect(services[0]?.env).toEqual({ USER: "root" });
    expect(services[0]?.secretEnv).toEqual({ PASSWORD: "OBJECT_STORE_PASSWORD", KEYS: "OBJECT_STORE_KEYS" });
  });

  it("makes values of 128 bits that differ between runs", () => {
    const [first, second] = [resolveServices(requests), resolveServices(requests)];
    expect(first.secretEnv.OBJECT_STORE_PASSWORD).toMatch(/^[0-9a-f]{32}$/);
    expect(first.secretEnv.OBJECT_STORE_PASSWORD).not.toBe(second.secretEnv.OBJECT_STORE_PASSWORD);
  });
});

it("checkServiceVariables refuses a variable that would hide a service's", () => {
  const check = (env: Record<string, string>, secret: Record<string, string>) => () =>
    checkServiceVariables(requests, { env, "secret-env": secret });
  expect(check({ OBJECT_STORE_PORT: "1" }, {})).toThrow('Input env is "OBJECT_STORE_PORT"');
  expect(check({}, { OBJECT_STORE_PASSWORD: "1" })).toThrow('Input secret-env is "OBJECT_STORE_PASSWORD"');
  expect(check({ OTHER: "1" }, {})).not.toThrow();
});

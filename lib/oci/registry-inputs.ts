import { InputError } from "../error.ts";
import { flag, type GetInput, requiredText, text } from "../input.ts";
import { isRegistry } from "./reference.ts";

/** Reads the inputs that say which registry and who asks: `registry`, `tls-verify`, `username` and `password`. Throws InputError. */
export function readRegistryInputs(get: GetInput) {
  const registry = requiredText(get, "registry");
  if (registry !== "auto" && !isRegistry(registry)) {
    throw new InputError("registry", registry, "auto, or host[:port] such as localhost:32000");
  }
  const username = text(get, "username");
  const password = text(get, "password");
  if ((username === undefined) !== (password === undefined)) {
    const missing = username === undefined ? "username" : "password";
    throw new InputError(missing, "", "a value when the other one of username and password is given");
  }
  return { registry, tlsVerify: flag(get, "tls-verify"), username, password };
}

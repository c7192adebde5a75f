import { type ForgeAnswer, type ForgeRequest, forgeRequest } from "./forge-request.ts";

/** Sends a request below the API of the forge, as its administrator. */
export type GiteaCall = (
  method: ForgeRequest["method"],
  path: string,
  options: { readonly signal: AbortSignal; readonly body?: unknown; readonly accept?: readonly number[] },
) => Promise<ForgeAnswer>;

/** Calls of one forge; the token is read for each. */
export function giteaCall(url: string, token: () => Promise<string>): GiteaCall {
  return async (method, path, options) => {
    const headers = { authorization: `token ${await token()}` };
    return await forgeRequest({ method, url: `${url}/api/v1${path}`, headers, ...options });
  };
}

import { readFile } from "node:fs/promises";
import { askCloud, type CloudConnection, textField } from "./cloud-request.ts";

export interface IdentityRequest {
  /** A file that the cloud's own webhook mounts into a pod; undefined where there is none. */
  readonly file: string | undefined;
  /** For whom GitHub shall make the token. */
  readonly audience: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * A token that says who this pod or workflow is: the file's content, else GitHub's, which a job with `id-token: write` gets; undefined where there is neither.
 * https://docs.github.com/actions/reference/security/oidc
 */
export async function findIdentityToken(
  { file, audience, env }: IdentityRequest,
  connection: CloudConnection,
): Promise<string | undefined> {
  if (file) return (await readFile(file, "utf8")).trim();
  const { ACTIONS_ID_TOKEN_REQUEST_URL: address, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = env;
  if (!address || !token) return undefined;
  const url = new URL(address);
  url.searchParams.set("audience", audience);
  const request = { url, doing: `give an identity token for ${audience}` };
  const headers = { accept: "application/json", authorization: `Bearer ${token}` };
  return textField(await askCloud({ ...request, method: "GET", headers }, connection), "value", request);
}

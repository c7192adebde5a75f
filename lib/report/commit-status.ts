import { retry } from "../retry.ts";

/** Which status of which commit is set, where and by whose token. */
export interface StatusPlace {
  /** Of GitHub's API, or of one that answers the same calls. */
  readonly apiUrl: string;
  readonly repository: string;
  readonly sha: string;
  /** Name under which the status is shown. */
  readonly context: string;
  readonly token: string;
  /** Where a reader learns more. */
  readonly url: string | undefined;
}

export interface CommitStatus {
  readonly state: "pending" | "success" | "failure" | "error";
  readonly description: string;
}

class StatusRefused extends Error {
  override readonly name = "StatusRefused";
  readonly status: number;
  constructor(status: number, said: string) {
    super(`${status} ${said}`.trim());
    this.status = status;
  }
}

const timeoutMs = 3000;
/** GitHub's limit. */
const descriptionLimit = 140;

/** Sets a commit status. Gives one line that says why it could not be set, or undefined: no verdict hangs on it. */
export async function setCommitStatus(place: StatusPlace, status: CommitStatus): Promise<string | undefined> {
  try {
    const retryable = (error: unknown) => !(error instanceof StatusRefused) || error.status >= 500;
    await retry(() => post(place, status), { attempts: 2, retryable });
    return undefined;
  } catch (error) {
    const isForbidden = error instanceof StatusRefused && [401, 403, 404].includes(error.status);
    const hint = isForbidden ? " Give the job the right statuses: write, or leave commit-status empty." : "";
    return `The commit status ${place.context} could not be set to ${status.state} (${(error as Error).message}).${hint}`;
  }
}

async function post(place: StatusPlace, { state, description }: CommitStatus): Promise<void> {
  const { apiUrl, repository, sha, context, token, url } = place;
  const response = await fetch(`${apiUrl}/repos/${repository}/statuses/${sha}`, {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/json", authorization: `token ${token}` },
    body: JSON.stringify({ state, context, description: shorten(description), ...(url ? { target_url: url } : {}) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await response.text();
  if (!response.ok) throw new StatusRefused(response.status, wordsOf(text));
}

function shorten(text: string): string {
  return text.length <= descriptionLimit ? text : `${text.slice(0, descriptionLimit - 1)}…`;
}

function wordsOf(text: string): string {
  try {
    return String(JSON.parse(text).message ?? "").slice(0, 200);
  } catch {
    return "";
  }
}

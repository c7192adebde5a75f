import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "../error.ts";
import type { ForgeApi } from "./forge-api.ts";
import { formatApiMessage, permissionMissing } from "./refusal.ts";
import { parseAsset } from "./release-answer.ts";
import type { Asset, AssetFile, UploadFailure } from "./release-host.ts";
import { type UploadAnswer, uploadFile } from "./upload.ts";

/**
 * Sends one file to an upload address, once; after a rate limit it waits as told and sends again. What may help when it is repeated
 * comes back as a word, everything else is a DomainError.
 */
export async function uploadAssetTo(api: ForgeApi, url: URL, file: AssetFile): Promise<Asset | UploadFailure> {
  for (;;) {
    const answer = await sendOnce(api, url, file);
    if (answer === undefined || answer.status >= 500) return "retryable";
    if (answer.status < 300) return parseAsset(answer.data);
    const waitMs = rateLimitMs(answer, api.now());
    if (waitMs === undefined) return refusal(api, url, file, answer);
    const until = new Date(api.now().getTime() + waitMs);
    if (until > api.endsAt) {
      throw new DomainError("rate-limited", `Uploading ${file.name} was answered with ${answer.status}.`, {
        hint: `The rate limit lasts until ${until.toISOString()}, longer than this run may. Run the job again after that.`,
        retryable: true,
      });
    }
    api.log.warning(
      `The API's rate limit for uploads is used up; waiting until ${until.toISOString().slice(11, 19)} UTC.`,
    );
    await sleep(waitMs, undefined, { signal: api.signal }).catch(() => api.signal.throwIfAborted());
  }
}

async function sendOnce(api: ForgeApi, url: URL, file: AssetFile): Promise<UploadAnswer | undefined> {
  const { path, sizeBytes, name } = file;
  const onSent = (done: number) => api.log.progress({ label: name, done, total: sizeBytes, unit: "bytes" });
  try {
    return await uploadFile({ url, token: api.token, path, sizeBytes, signal: api.signal, onSent });
  } catch (error) {
    api.signal.throwIfAborted();
    api.log.debug(`Uploading ${name}: ${String(error)}`);
    return undefined;
  }
}

function rateLimitMs({ status, headers, data }: UploadAnswer, now: Date): number | undefined {
  const limited = status === 429 || (status === 403 && /rate limit/i.test(formatApiMessage(data)));
  if (!limited) return undefined;
  const seconds = Number(headers["retry-after"]);
  if (seconds > 0) return seconds * 1000;
  const reset = Number(headers["x-ratelimit-reset"]) * 1000;
  // GitHub asks for at least a minute where it names no time.
  return reset > now.getTime() ? reset - now.getTime() : 60_000;
}

function refusal(api: ForgeApi, url: URL, file: AssetFile, { status, headers, data }: UploadAnswer): UploadFailure {
  const said = formatApiMessage(data);
  if (status === 422 && /already_exists|already exists/.test(said)) return "name-taken";
  const observed = `Uploading ${file.name} to ${url.origin}${url.pathname} was answered with ${status}${said && `: ${said}`}.`;
  if (/immutable/i.test(said)) {
    throw new DomainError("release-immutable", observed, {
      hint: "The release was published meanwhile. Use a new version.",
    });
  }
  if (status === 401 || status === 403 || status === 404) {
    throw permissionMissing(observed, { permission: "contents: write", repository: api.repository }, headers);
  }
  throw new DomainError("refused", observed);
}

import { createReadStream } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";

export interface UploadOptions {
  readonly url: URL;
  readonly token: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly signal: AbortSignal;
  /** Called with the count of bytes handed to the connection so far. */
  readonly onSent?: (sentBytes: number) => void;
}

/** An answer to an upload; `undefined` data is an answer that is no JSON. */
export interface UploadAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly data: unknown;
}

// A server that neither reads nor answers for this long is gone.
const silenceMs = 120_000;

/**
 * Posts a file as a raw body, streamed: memory use does not depend on its size. Throws the connection's error, or the signal's
 * reason.
 */
export async function uploadFile(options: UploadOptions): Promise<UploadAnswer> {
  const send = options.url.protocol === "https:" ? httpsRequest : httpRequest;
  const request = send(options.url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${options.token}`,
      accept: "application/json",
      "content-type": "application/octet-stream",
      "content-length": options.sizeBytes,
      "user-agent": "gpu-ci",
    },
    signal: options.signal,
  });
  request.setTimeout(silenceMs, () => request.destroy(new Error(`No byte moved for ${silenceMs / 1000} s.`)));
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
  answered.catch(() => {});
  let sentBytes = 0;
  const file = createReadStream(options.path, { highWaterMark: 1 << 18 });
  file.on("data", (chunk) => {
    sentBytes += chunk.length;
    options.onSent?.(sentBytes);
  });
  // A server may refuse before it has read everything: its answer says more than the broken pipe does.
  const sent = pipeline(file, request).catch((error: unknown) => error);
  try {
    const response = await answered;
    const answer = { status: response.statusCode ?? 0, headers: response.headers, data: await readJson(response) };
    if (answer.status >= 400) request.destroy();
    await sent;
    return answer;
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    file.destroy();
  }
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

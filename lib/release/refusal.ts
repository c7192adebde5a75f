import type { RequestError } from "octokit";
import * as v from "valibot";
import { DomainError } from "../error.ts";

const bodySchema = v.object({
  message: v.optional(v.string(), ""),
  errors: v.optional(v.nullable(v.array(v.union([v.string(), v.record(v.string(), v.unknown())])))),
});

export interface RefusedCall {
  readonly method: string;
  readonly path: string;
  readonly permission: string;
  readonly repository: string;
  readonly apiUrl: string;
}

/**
 * Turns an API's refusal into an error for people: no login, a missing permission by its name, a rate limit, a server in trouble.
 * A body that is no JSON, such as a proxy's page, is never shown.
 */
export function describeRefusal(error: RequestError, call: RefusedCall): DomainError {
  const what = `${call.method} ${call.apiUrl}${call.path}`;
  const { status } = error;
  if (!error.response) {
    return new DomainError("forge-unreachable", `${what} got no answer: ${error.message}.`, { retryable: true });
  }
  const said = formatApiMessage(error.response.data);
  const observed = `${what} was answered with ${status}${said && `: ${said}`}.`;
  if (isRateLimit(error)) {
    return new DomainError("rate-limited", observed, {
      hint: `The rate limit lasts longer than this run may: ${limitEnd(error)}. Run the job again after that.`,
      retryable: true,
    });
  }
  if (status >= 500) return new DomainError("forge-failed", observed, { retryable: true });
  if (status === 401) {
    return new DomainError("not-authenticated", observed, { hint: "Check github-token: it is wrong or has expired." });
  }
  if (status === 403 || status === 404) return permissionMissing(observed, call, error.response.headers);
  return new DomainError("refused", observed);
}

/** The error for a call that the token may not make, naming the permission. */
export function permissionMissing(
  observed: string,
  call: Pick<RefusedCall, "permission" | "repository">,
  headers: Readonly<Record<string, unknown>> = {},
): DomainError {
  const told = headers["x-accepted-github-permissions"];
  const accepted = typeof told === "string" && told !== "" ? told.replaceAll("=", ": ") : call.permission;
  return new DomainError("permission-missing", observed, {
    hint: `The token needs \`${accepted}\` for ${call.repository}: add it to the job's \`permissions\`. A pull request from a fork never has it.`,
  });
}

/** What an API said in JSON, with the details of a validation; empty for anything that is no such answer. */
export function formatApiMessage(data: unknown): string {
  const parsed = v.safeParse(bodySchema, data);
  if (!parsed.success) return "";
  const details = (parsed.output.errors ?? []).map((detail) => {
    if (typeof detail === "string") return detail;
    const words = [detail.field, detail.code].filter((word) => typeof word === "string");
    return typeof detail.message === "string" ? detail.message : words.join(" ");
  });
  return [parsed.output.message, ...details].filter((text) => text !== "").join("; ");
}

function isRateLimit({ status, response }: RequestError): boolean {
  if (status === 429) return true;
  const headers = response?.headers ?? {};
  if (status !== 403) return false;
  return headers["x-ratelimit-remaining"] === "0" || /rate limit/i.test(formatApiMessage(response?.data));
}

function limitEnd({ response }: RequestError): string {
  const headers = response?.headers ?? {};
  const reset = Number(headers["x-ratelimit-reset"]);
  if (headers["retry-after"] !== undefined) return `${headers["retry-after"]} s from now`;
  return reset > 0 ? `until ${new Date(reset * 1000).toISOString()}` : "its end is not told";
}

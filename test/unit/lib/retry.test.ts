import { describe, expect, it } from "vitest";
import { deadline } from "../../../lib/abort.ts";
import { retry } from "../../../lib/retry.ts";

const failing = (times: number) => {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= times) throw new Error(`attempt ${calls}`);
    return calls;
  };
};

describe("retry", () => {
  it("gives the first success", async () => {
    expect(await retry(failing(2), { attempts: 3, retryable: () => true, baseMs: 1 })).toBe(3);
  });

  it("throws the last error when the attempts are used up", async () => {
    await expect(retry(failing(5), { attempts: 2, retryable: () => true, baseMs: 1 })).rejects.toThrow("attempt 2");
  });

  it("throws at once what another attempt cannot mend", async () => {
    await expect(retry(failing(5), { attempts: 9, retryable: () => false })).rejects.toThrow("attempt 1");
  });

  it("stops waiting when its deadline passes, and says what did not finish", async () => {
    using limit = deadline("The push", 20);
    const stuck = retry(failing(9), {
      attempts: 9,
      retryable: () => true,
      delayMs: () => 60_000,
      signal: limit.signal,
    });
    await expect(stuck).rejects.toThrow("The push did not finish within 20 ms.");
  });
});

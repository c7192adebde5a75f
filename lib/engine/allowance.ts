export interface AllowanceOptions {
  /** So many at once after a rest. */
  readonly burst: number;
  readonly perSecond: number;
}

/** Says yes as often as the rate allows (token bucket: https://en.wikipedia.org/wiki/Token_bucket), and no to the rest. */
export function createAllowance({ burst, perSecond }: AllowanceOptions, now: () => Date): () => boolean {
  let tokens = burst;
  let filledAt = now().getTime();
  return () => {
    const at = now().getTime();
    tokens = Math.min(burst, tokens + (Math.max(0, at - filledAt) / 1000) * perSecond);
    filledAt = at;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}

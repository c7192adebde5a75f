import pLimit from "p-limit";

/**
 * Runs a job for each item, so many at a time. One that fails fails them all: those still waiting are not begun, those under way end by themselves, and then
 * its error is thrown.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  parallel: number,
  job: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const limit = pLimit({ concurrency: parallel, rejectOnClear: true });
  const run = async (item: T) => {
    try {
      return await limit(() => job(item));
    } catch (error) {
      limit.clearQueue();
      throw error;
    }
  };
  const outcomes = await Promise.allSettled(items.map(run));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
  return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
}

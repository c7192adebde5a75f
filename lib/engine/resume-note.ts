import { array, boolean, type InferOutput, number, object, pipe, readonly, safeParse, string } from "valibot";

/** Annotation with what a resumed run has to know and the Job does not say. */
export const resumeAnnotation = "gpu-ci/resume";

const noteSchema = object({
  /** Patterns of result files. */
  results: pipe(array(string()), readonly()),
  /** Patterns of everything that is brought back. */
  collect: pipe(array(string()), readonly()),
  gpus: number(),
  /** 0 when GPU cases may be skipped. */
  gpusRequired: number(),
  gpuResource: string(),
  timeoutMs: number(),
  pendingTimeoutMs: number(),
  wrap: boolean(),
});

/** What a resumed run has to know and the Job does not say. */
export type ResumeNote = Readonly<InferOutput<typeof noteSchema>>;

/** Reads the note of a Job; undefined when there is none, as of a Job that something else made. */
export function parseResumeNote(text: string | undefined): ResumeNote | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed = safeParse(noteSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

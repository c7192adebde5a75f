#ifndef JUNIT_H
#define JUNIT_H

/* Collects the cases of one suite and writes them as JUnit XML; the texts that are given live as long as the process. */
void junit_begin(const char *suite);
void junit_passed(const char *name, double seconds);
void junit_failed(const char *name, double seconds, const char *message);
void junit_skipped(const char *name, const char *message);

/* Writes the file and prints one line a case. Returns the exit code of the suite: 0, or 1 when a case failed, 3 when it cannot be written. */
int junit_end(const char *path);

/* Seconds of a clock that only goes forward. */
double junit_clock(void);

#endif

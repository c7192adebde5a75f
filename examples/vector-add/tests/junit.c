#define _POSIX_C_SOURCE 200809L
#include "junit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_CASES = 64 };

static struct { const char *name, *outcome; double seconds; char message[256]; } cases[MAX_CASES];
static const char *suite_name;
static int count;

static void add(const char *name, const char *outcome, double seconds, const char *message) {
  if (count == MAX_CASES) return;
  cases[count].name = name;
  cases[count].outcome = outcome;
  cases[count].seconds = seconds;
  snprintf(cases[count].message, sizeof cases[count].message, "%s", message);
  count++;
}

void junit_begin(const char *suite) {
  suite_name = suite;
  count = 0;
}

void junit_passed(const char *name, double seconds) { add(name, "passed", seconds, ""); }
void junit_failed(const char *name, double seconds, const char *message) { add(name, "failed", seconds, message); }
void junit_skipped(const char *name, const char *message) { add(name, "skipped", 0, message); }

static int count_of(const char *outcome) {
  int n = 0;
  for (int i = 0; i < count; i++) n += strcmp(cases[i].outcome, outcome) == 0;
  return n;
}

static void write_escaped(FILE *file, const char *text) {
  for (; *text; text++) {
    if (*text == '&') fputs("&amp;", file);
    else if (*text == '<') fputs("&lt;", file);
    else if (*text == '"') fputs("&quot;", file);
    else fputc(*text, file);
  }
}

static void write_case(FILE *file, int i) {
  fprintf(file, "  <testcase classname=\"%s\" name=\"%s\" time=\"%.6f\"", suite_name, cases[i].name, cases[i].seconds);
  if (strcmp(cases[i].outcome, "passed") == 0) {
    fputs("/>\n", file);
    return;
  }
  fprintf(file, "><%s message=\"", strcmp(cases[i].outcome, "failed") == 0 ? "failure" : "skipped");
  write_escaped(file, cases[i].message);
  fputs("\"/></testcase>\n", file);
}

int junit_end(const char *path) {
  FILE *file = fopen(path, "w");
  if (!file) {
    perror(path);
    return 3;
  }
  fprintf(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">\n",
          suite_name, count, count_of("failed"), count_of("skipped"));
  for (int i = 0; i < count; i++) {
    printf("%-7s %s: %s%s%s\n", cases[i].outcome, suite_name, cases[i].name, *cases[i].message ? ": " : "", cases[i].message);
    write_case(file, i);
  }
  fputs("</testsuite>\n", file);
  if (fclose(file) != 0) {
    perror(path);
    return 3;
  }
  return count_of("failed") > 0 ? 1 : 0;
}

double junit_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

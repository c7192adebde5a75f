#ifndef VECTORS_H
#define VECTORS_H

/* The sizes that every implementation is tested with: nothing, one, around a block of threads, and many blocks. */
struct size_case { const char *name; int n; };

static const struct size_case size_cases[] = {
  {"adds nothing", 0},
  {"adds one element", 1},
  {"adds one element less than a block", 255},
  {"adds a whole block", 256},
  {"adds one element more than a block", 257},
  {"adds a million elements", 1000000},
};

enum { SIZE_CASES = sizeof size_cases / sizeof *size_cases };

/* Adds n elements with `add` between guard values and compares every sum. Returns 0, or -1 with a sentence in `why`. */
typedef int (*add_function)(const float *a, const float *b, float *c, int n, char *why, unsigned long why_size);
int check_sums(add_function add, int n, char *why, unsigned long why_size);

#endif

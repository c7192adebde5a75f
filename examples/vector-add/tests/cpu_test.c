#include "../src/vector_add.h"
#include "junit.h"
#include "vectors.h"

static int add(const float *a, const float *b, float *c, int n, char *why, unsigned long why_size) {
  (void)why;
  (void)why_size;
  vector_add_cpu(a, b, c, n);
  return 0;
}

int main(int argc, char **argv) {
  char why[200];
  junit_begin("vector_add.cpu");
  for (int i = 0; i < SIZE_CASES; i++) {
    double started = junit_clock();
    if (check_sums(add, size_cases[i].n, why, sizeof why)) junit_failed(size_cases[i].name, junit_clock() - started, why);
    else junit_passed(size_cases[i].name, junit_clock() - started);
  }
  return junit_end(argc > 1 ? argv[1] : "cpu.xml");
}

#include <stdio.h>

#include "../src/vector_add.h"
#include "junit.h"
#include "vectors.h"

static struct gpu *gpu;

static int add(const float *a, const float *b, float *c, int n, char *why, unsigned long why_size) {
  return vector_add_gpu(gpu, a, b, c, n, why, why_size);
}

/* Without a device every case is reported as skipped, by name, so that whoever requires a GPU can see what was not tested. */
int main(int argc, char **argv) {
  char why[200];
  int broken;
  junit_begin("vector_add.gpu");
  gpu = gpu_open(why, sizeof why, &broken);
  if (gpu) printf("CUDA device: %s\n", gpu_name(gpu));
  for (int i = 0; i < SIZE_CASES; i++) {
    double started = junit_clock();
    if (!gpu && !broken) junit_skipped(size_cases[i].name, why);
    else if (!gpu || check_sums(add, size_cases[i].n, why, sizeof why)) junit_failed(size_cases[i].name, junit_clock() - started, why);
    else junit_passed(size_cases[i].name, junit_clock() - started);
  }
  if (gpu) gpu_close(gpu);
  return junit_end(argc > 1 ? argv[1] : "gpu.xml");
}

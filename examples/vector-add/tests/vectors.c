#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>

static const float GUARD = -12345.0f;

static int compare(const float *a, const float *b, const float *c, int n, char *why, unsigned long why_size) {
  for (int i = 0; i < n; i++) {
    if (c[i] == a[i] + b[i]) continue;
    snprintf(why, why_size, "element %d of %d is %g, expected %g", i, n, (double)c[i], (double)(a[i] + b[i]));
    return -1;
  }
  if (c[n] == GUARD) return 0;
  snprintf(why, why_size, "the element behind the last of %d was overwritten", n);
  return -1;
}

int check_sums(add_function add, int n, char *why, unsigned long why_size) {
  size_t bytes = ((size_t)n + 1) * sizeof(float);
  float *a = malloc(bytes), *b = malloc(bytes), *c = malloc(bytes);
  int failed = -1;
  if (!a || !b || !c) {
    snprintf(why, why_size, "no memory for %d elements", n);
  } else {
    /* Whole numbers below 2^24: their sums are exact in single precision, so that == is right. */
    for (int i = 0; i <= n; i++) {
      a[i] = (float)(i % 4096);
      b[i] = (float)(2 * (i % 8191)) + 1.0f;
      c[i] = GUARD;
    }
    failed = add(a, b, c, n, why, why_size) || compare(a, b, c, n, why, why_size);
  }
  free(a);
  free(b);
  free(c);
  return failed ? -1 : 0;
}

#ifndef VECTOR_ADD_H
#define VECTOR_ADD_H

#include <stddef.h>

/* c[i] = a[i] + b[i] for 0 <= i < n, on the CPU. */
void vector_add_cpu(const float *a, const float *b, float *c, int n);

/* The first CUDA device, opened through libcuda.so.1, which is looked for at run time: the program builds and starts without a GPU. */
struct gpu;

/*
 * Opens the first device. Returns NULL with a sentence in `why` when there is none; `*broken` is then 0. When a device or driver
 * is there but refuses, it returns NULL and `*broken` is 1: a test must fail then, not skip.
 */
struct gpu *gpu_open(char *why, size_t why_size, int *broken);

/* The device's name as the driver gives it. */
const char *gpu_name(const struct gpu *gpu);

/* c[i] = a[i] + b[i] for 0 <= i < n, on the GPU. Returns 0, or -1 with a sentence in `why`. */
int vector_add_gpu(struct gpu *gpu, const float *a, const float *b, float *c, int n, char *why, size_t why_size);

void gpu_close(struct gpu *gpu);

#endif

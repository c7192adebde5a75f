#include "vector_add.h"

#include <stdio.h>
#include <stdlib.h>

#include "cuda_driver.h"

/* The PTX is a file of its own and becomes a zero-terminated string of the program: the assembler includes it. */
__asm__(".section .rodata\n"
        ".global vector_add_ptx\n"
        "vector_add_ptx:\n"
        ".incbin \"vector_add.ptx\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char vector_add_ptx[];

enum { THREADS_PER_BLOCK = 256 };

struct gpu {
  struct cuda_driver cuda;
  CUdevice device;
  CUmodule module;
  CUfunction kernel;
  char name[128];
};

static int check(const struct gpu *gpu, CUresult result, const char *call, char *why, size_t why_size) {
  if (result == CUDA_SUCCESS) return 0;
  snprintf(why, why_size, "%s gave %d (%s)", call, result, cuda_error_name(&gpu->cuda, result));
  return -1;
}

static int find_device(struct gpu *gpu, char *why, size_t why_size, int *broken) {
  const char *missing = NULL;
  int loaded = cuda_driver_load(&gpu->cuda, &missing);
  if (loaded == -1) {
    snprintf(why, why_size, "no CUDA device: libcuda.so.1 cannot be loaded");
    return -1;
  }
  *broken = 1;
  if (loaded == -2) {
    snprintf(why, why_size, "libcuda.so.1 has no function %s", missing);
    return -1;
  }
  int count = 0;
  CUresult result = gpu->cuda.init(0);
  if (result == CUDA_SUCCESS) result = gpu->cuda.device_get_count(&count);
  if (result == CUDA_ERROR_NO_DEVICE || (result == CUDA_SUCCESS && count == 0)) {
    *broken = 0;
    snprintf(why, why_size, "no CUDA device: the driver sees none");
    return -1;
  }
  return check(gpu, result, "cuInit", why, why_size);
}

static int prepare(struct gpu *gpu, char *why, size_t why_size) {
  const struct cuda_driver *cuda = &gpu->cuda;
  CUcontext context;
  return check(gpu, cuda->device_get(&gpu->device, 0), "cuDeviceGet", why, why_size) ||
         check(gpu, cuda->device_get_name(gpu->name, sizeof gpu->name, gpu->device), "cuDeviceGetName", why, why_size) ||
         check(gpu, cuda->primary_context_retain(&context, gpu->device), "cuDevicePrimaryCtxRetain", why, why_size) ||
         check(gpu, cuda->context_set_current(context), "cuCtxSetCurrent", why, why_size) ||
         check(gpu, cuda->module_load_data(&gpu->module, vector_add_ptx), "cuModuleLoadData", why, why_size) ||
         check(gpu, cuda->module_get_function(&gpu->kernel, gpu->module, "vector_add"), "cuModuleGetFunction", why, why_size);
}

struct gpu *gpu_open(char *why, size_t why_size, int *broken) {
  struct gpu *gpu = calloc(1, sizeof *gpu);
  *broken = 0;
  if (!gpu || find_device(gpu, why, why_size, broken) || prepare(gpu, why, why_size)) {
    free(gpu);
    return NULL;
  }
  return gpu;
}

const char *gpu_name(const struct gpu *gpu) { return gpu->name; }

static int launch(struct gpu *gpu, CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, int n, char *why, size_t why_size) {
  void *parameters[] = {&a, &b, &c, &n};
  unsigned blocks = ((unsigned)n + THREADS_PER_BLOCK - 1) / THREADS_PER_BLOCK;
  CUresult result = gpu->cuda.launch(gpu->kernel, blocks, 1, 1, THREADS_PER_BLOCK, 1, 1, 0, NULL, parameters, NULL);
  return check(gpu, result, "cuLaunchKernel", why, why_size) ||
         check(gpu, gpu->cuda.context_synchronize(), "cuCtxSynchronize", why, why_size);
}

int vector_add_gpu(struct gpu *gpu, const float *a, const float *b, float *c, int n, char *why, size_t why_size) {
  if (n <= 0) return 0; /* a grid of no blocks is an error of the driver, a sum of nothing is none */
  const struct cuda_driver *cuda = &gpu->cuda;
  size_t bytes = (size_t)n * sizeof(float);
  CUdeviceptr memory[3] = {0, 0, 0};
  int failed = 0;
  for (int i = 0; i < 3 && !failed; i++)
    failed = check(gpu, cuda->memory_allocate(&memory[i], bytes), "cuMemAlloc", why, why_size);
  failed = failed || check(gpu, cuda->copy_to_device(memory[0], a, bytes), "cuMemcpyHtoD", why, why_size) ||
           check(gpu, cuda->copy_to_device(memory[1], b, bytes), "cuMemcpyHtoD", why, why_size) ||
           launch(gpu, memory[0], memory[1], memory[2], n, why, why_size) ||
           check(gpu, cuda->copy_from_device(c, memory[2], bytes), "cuMemcpyDtoH", why, why_size);
  for (int i = 0; i < 3; i++)
    if (memory[i]) cuda->memory_free(memory[i]);
  return failed ? -1 : 0;
}

void gpu_close(struct gpu *gpu) {
  gpu->cuda.module_unload(gpu->module);
  gpu->cuda.primary_context_release(gpu->device);
  free(gpu);
}

#ifndef CUDA_DRIVER_H
#define CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

/* The part of the CUDA driver API that we call, with the signatures of cuda.h, so that no CUDA toolkit is needed to build. */
typedef int CUresult;
typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;

enum { CUDA_SUCCESS = 0, CUDA_ERROR_NO_DEVICE = 100 };

struct cuda_driver {
  void *library;
  CUresult (*init)(unsigned flags);
  CUresult (*get_error_name)(CUresult error, const char **name);
  CUresult (*device_get_count)(int *count);
  CUresult (*device_get)(CUdevice *device, int ordinal);
  CUresult (*device_get_name)(char *name, int size, CUdevice device);
  CUresult (*primary_context_retain)(CUcontext *context, CUdevice device);
  CUresult (*primary_context_release)(CUdevice device);
  CUresult (*context_set_current)(CUcontext context);
  CUresult (*context_synchronize)(void);
  CUresult (*module_load_data)(CUmodule *module, const void *image);
  CUresult (*module_unload)(CUmodule module);
  CUresult (*module_get_function)(CUfunction *function, CUmodule module, const char *name);
  CUresult (*memory_allocate)(CUdeviceptr *pointer, size_t bytes);
  CUresult (*memory_free)(CUdeviceptr pointer);
  CUresult (*copy_to_device)(CUdeviceptr to, const void *from, size_t bytes);
  CUresult (*copy_from_device)(void *to, CUdeviceptr from, size_t bytes);
  CUresult (*launch)(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                     unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void **parameters,
                     void **extra);
};

/* Loads libcuda.so.1. Returns 0; -1 when the library is not there; the name of a missing function is left in `*missing` with -2. */
int cuda_driver_load(struct cuda_driver *driver, const char **missing);

/* The driver's name for an error, such as CUDA_ERROR_OUT_OF_MEMORY. */
const char *cuda_error_name(const struct cuda_driver *driver, CUresult error);

#endif

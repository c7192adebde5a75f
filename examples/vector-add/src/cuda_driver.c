#include "cuda_driver.h"

#include <dlfcn.h>
#include <string.h>

int cuda_driver_load(struct cuda_driver *driver, const char **missing) {
  /* The versioned names are what cuda.h's macros turn the plain ones into. */
  const struct { void *target; const char *name; } functions[] = {
    {&driver->init, "cuInit"},
    {&driver->get_error_name, "cuGetErrorName"},
    {&driver->device_get_count, "cuDeviceGetCount"},
    {&driver->device_get, "cuDeviceGet"},
    {&driver->device_get_name, "cuDeviceGetName"},
    {&driver->primary_context_retain, "cuDevicePrimaryCtxRetain"},
    {&driver->primary_context_release, "cuDevicePrimaryCtxRelease_v2"},
    {&driver->context_set_current, "cuCtxSetCurrent"},
    {&driver->context_synchronize, "cuCtxSynchronize"},
    {&driver->module_load_data, "cuModuleLoadData"},
    {&driver->module_unload, "cuModuleUnload"},
    {&driver->module_get_function, "cuModuleGetFunction"},
    {&driver->memory_allocate, "cuMemAlloc_v2"},
    {&driver->memory_free, "cuMemFree_v2"},
    {&driver->copy_to_device, "cuMemcpyHtoD_v2"},
    {&driver->copy_from_device, "cuMemcpyDtoH_v2"},
    {&driver->launch, "cuLaunchKernel"},
  };
  driver->library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!driver->library) return -1;
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *symbol = dlsym(driver->library, functions[i].name);
    if (!symbol) {
      *missing = functions[i].name;
      return -2;
    }
    memcpy(functions[i].target, &symbol, sizeof symbol);
  }
  return 0;
}

const char *cuda_error_name(const struct cuda_driver *driver, CUresult error) {
  const char *name = NULL;
  if (driver->get_error_name(error, &name) != CUDA_SUCCESS || !name) return "an unknown CUDA error";
  return name;
}

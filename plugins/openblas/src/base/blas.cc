#include "base/blas.h"

#include <dlfcn.h>

#include <cstdlib>
#include <string>

#include "vidya/sdk.hpp"

namespace vob {
namespace {

/* The wheel prefixes every symbol with scipy_; a system OpenBLAS does not. */
void* symbol(void* library, const char* plain) {
  const std::string name = plain;
  if (void* p = dlsym(library, ("scipy_" + name).c_str())) return p;
  return dlsym(library, name.c_str());
}

template <class F>
bool bind(void* library, const char* name, F& f) {
  f = reinterpret_cast<F>(symbol(library, name));
  return f != nullptr;
}

}  // namespace

vd_status Blas::load(vd_err* err) {
  using vidya::sdk::fail;
  const char* path = std::getenv("VIDYA_OPENBLAS_LIBRARY");
  if (!path || !*path)
    return fail(err, VD_DEVICE,
                "the OpenBLAS library was not found: pip install scipy-openblas32, or set "
                "VIDYA_OPENBLAS_LIBRARY to the path of an OpenBLAS shared library");
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fail(err, VD_DEVICE,
                "cannot load OpenBLAS: %s; pip install --force-reinstall scipy-openblas32, or "
                "correct VIDYA_OPENBLAS_LIBRARY",
                dlerror());
  void (*set_threads)(int) = nullptr;
  char* (*get_core)() = nullptr;
  char* (*get_config)() = nullptr;
  if (!bind(library, "cblas_sgemm", sgemm) || !bind(library, "cblas_dgemm", dgemm) ||
      !bind(library, "cblas_cgemm", cgemm) || !bind(library, "cblas_zgemm", zgemm) ||
      !bind(library, "openblas_set_num_threads", set_threads) ||
      !bind(library, "openblas_get_corename", get_core) ||
      !bind(library, "openblas_get_config", get_config)) {
    return fail(err, VD_DEVICE,
                "%s is no OpenBLAS with CBLAS: pip install scipy-openblas32, or correct "
                "VIDYA_OPENBLAS_LIBRARY",
                path);
  }
  has_lapack = lapack.bind(symbol, library);
  set_threads(1);
  core = get_core();
  config = get_config();
  return VD_OK;
}

}  // namespace vob

// OpenBLAS, loaded at run time from the path that the Python side found.
#ifndef VIDYA_OPENBLAS_BLAS_H
#define VIDYA_OPENBLAS_BLAS_H

#include <cstdint>

#include "base/lapack.h"
#include "vidya/backend.h"

namespace vob {

enum : int { kRowMajor = 101, kNoTrans = 111, kTrans = 112 };

/* The few entry points of CBLAS that we call (32-bit integers). */
struct Blas {
  void (*sgemm)(int, int, int, int, int, int, float, const float*, int, const float*, int, float,
                float*, int) = nullptr;
  void (*dgemm)(int, int, int, int, int, int, double, const double*, int, const double*, int,
                double, double*, int) = nullptr;
  void (*cgemm)(int, int, int, int, int, int, const void*, const void*, int, const void*, int,
                const void*, void*, int) = nullptr;
  void (*zgemm)(int, int, int, int, int, int, const void*, const void*, int, const void*, int,
                const void*, void*, int) = nullptr;
  Lapack lapack;
  bool has_lapack = false;  // a system's OpenBLAS may be built without
  const char* core = "";
  const char* config = "";

  /* Loads the library named by VIDYA_OPENBLAS_LIBRARY.  It computes on the thread that calls it;
   * products are split over our own pool. */
  vd_status load(vd_err* err);
};

}  // namespace vob

#endif

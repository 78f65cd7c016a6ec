// Products of plain matrices on the pool: OpenBLAS on tiles, own loops for vectors and tiny sizes.
#ifndef VIDYA_OPENBLAS_GEMM_H
#define VIDYA_OPENBLAS_GEMM_H

#include <complex>

#include "base/common.h"
#include "base/layout.h"

namespace vob {

/* A batch of matrices: strides in elements.  `batch` has a stride of 0 where one repeats. */
struct Matrices {
  int64_t rows, cols, s0, s1;
  Layout batch;  // merged with nothing: one entry per dim of the batch, sizes in common
};

/* CBLAS can read it as it stands, by rows or (transposed) by columns. */
bool blas_layout(const Matrices& a, bool& transposed, int64_t& ld);

struct GemmShape {
  int64_t m, n, k, batch;
};

/* c[b] (m x n, dense, one after the other) = a[b] @ b[b] (+ bias [n]).  Both operands must have a
 * blas_layout. */
template <class T>
void gemm(Device& d, const GemmShape& s, T* c, const T* a, const Matrices& am, const T* b,
          const Matrices& bm, const T* bias);

}  // namespace vob

#endif

// Products that pack both operands and multiply them in tiles of our own.
#ifndef VIDYA_OPENBLAS_GEMM_PACKED_H
#define VIDYA_OPENBLAS_GEMM_PACKED_H

#include "gemm.h"
#include "packed_kernels.h"

namespace vob {

/* c[b] (m x n, dense) = a[b] @ b[b] (+ bias [n]), accumulated in float32 and rounded once.  E is
 * float, or uint16_t for bfloat16; one of b's strides is 1.  False: no memory. */
template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s, E* c, const E* a,
                 const Matrices& am, const E* b, const Matrices& bm, const E* bias);

}  // namespace vob

#endif

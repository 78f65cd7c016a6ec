// Products of bfloat16 matrices without widening them first.
#ifndef VIDYA_OPENBLAS_GEMM_BF16_H
#define VIDYA_OPENBLAS_GEMM_BF16_H

#include "gemm.h"

namespace vob {

/* c[b] (m x n, dense) = a[b] @ b[b] (+ bias [n]), accumulated in float32 and rounded once.  One of
 * each operand's strides is 1.  Only where d.bf16 is set.  False: no memory. */
bool gemm_bf16(Device& d, const GemmShape& s, uint16_t* c, const uint16_t* a, const Matrices& am,
               const uint16_t* b, const Matrices& bm, const uint16_t* bias);

}  // namespace vob

#endif

// argmax and argmin of long rows of floats.
#ifndef VIDYA_OPENBLAS_ARG_H
#define VIDYA_OPENBLAS_ARG_H

#include "base/common.h"

namespace vob {

/* The first NaN, else the first extremum; n > 0. */
int64_t arg_extreme(const Simd* s, const float* x, int64_t n, bool max);

/* For rows of float32 or 16-bit floats that follow each other and are worth sharing out among
 * threads or widening bit by bit; nullptr for others. */
std::unique_ptr<Kernel> long_arg(const vd_call& call, int dim, bool max);

}  // namespace vob

#endif

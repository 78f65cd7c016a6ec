// Kernels along one dim: every line arrives contiguous, with 16-bit floats as float32.
#ifndef VIDYA_OPENBLAS_LINES_H
#define VIDYA_OPENBLAS_LINES_H

#include <functional>

#include "base/common.h"
#include "base/layout.h"

namespace vob {

constexpr int kLineOperands = 3;

/* in[i] and out[i] point to the n elements of one line (or to 1, for outputs that are `single`). */
using LineFn = std::function<void(const Simd*, const void* const* in, void* const* out, int64_t n)>;

struct LineSpec {
  LineFn fn;
  double cost = 1;      // element-operations per element
  bool single = false;  // outputs hold one element per line
  uint32_t caps = kPreferred;
};

/* All inputs have one shape; outputs are contiguous.  `dim` is the call's. */
vd_status make_lines(const vd_call& call, int dim, LineSpec spec, std::unique_ptr<Kernel>& kernel,
                     vd_err* err);

/* Memory of the calling thread that stays; for one use at a time per `slot`. */
void* thread_scratch(int slot, size_t bytes);

inline void to_float(const Simd* s, DType t, float* y, const void* x, int64_t n) {
  (t == DType::BF16 ? s->bf16_to_f32 : s->f16_to_f32)(y, static_cast<const uint16_t*>(x), n);
}
inline void from_float(const Simd* s, DType t, void* y, const float* x, int64_t n) {
  (t == DType::BF16 ? s->f32_to_bf16 : s->f32_to_f16)(static_cast<uint16_t*>(y), x, n);
}

}  // namespace vob

#endif

// Elements on their way into the registers of an element-wise program, and out of them.
#ifndef VIDYA_OPENBLAS_EWISE_CONVERT_H
#define VIDYA_OPENBLAS_EWISE_CONVERT_H

#include "elementwise/elementwise.h"
#include "elementwise/ewise_plan.h"

namespace vob {

/* To and from the program's type. */
struct Conversion {
  const Simd* simd;
  bool wide;  // float64

  DType type() const { return wide ? DType::F64 : DType::F32; }
  void load(DType from, void* to, const void* x, int64_t n) const {
    if (sdk::is_half(from)) {
      alignas(64) float narrow[kEwiseBlock];
      auto f = from == DType::BF16 ? simd->bf16_to_f32 : simd->f16_to_f32;
      f(wide ? narrow : static_cast<float*>(to), static_cast<const uint16_t*>(x), n);
      if (!wide) return;
      const void* in[] = {narrow};
      cast_loop(DType::F32, DType::F64)(to, in, n);
    } else if (from == type()) {
      if (to != x) std::memcpy(to, x, size_t(n * sdk::size_of(from)));
    } else {
      const void* in[] = {x};
      cast_loop(from, type())(to, in, n);
    }
  }
  void store(DType to, void* y, const void* x, int64_t n) const {
    const void* in[] = {x};
    if (sdk::is_half(to)) {
      alignas(64) float narrow[kEwiseBlock];
      if (wide) cast_loop(DType::F64, to)(narrow, in,
                                          n);  // rounds to odd: the next one decides
      auto f = to == DType::BF16 ? simd->f32_to_bf16 : simd->f32_to_f16;
      f(static_cast<uint16_t*>(y), wide ? narrow : static_cast<const float*>(x), n);
    } else if (to == type()) {
      std::memcpy(y, x, size_t(n * sdk::size_of(to)));
    } else {
      cast_loop(type(), to)(y, in, n);
    }
  }
};

}  // namespace vob

#endif

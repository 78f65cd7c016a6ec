// Pairs of numbers turned by an angle, a row of pairs at a time.
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

void rope32(float* y, const float* x, const float* c, const float* s, int64_t half,
            bool interleaved) {
  if (interleaved) {
#pragma GCC ivdep
    for (int64_t i = 0; i < half; ++i) {
      float a = x[2 * i], b = x[2 * i + 1];
      y[2 * i] = a * c[i] - b * s[i];
      y[2 * i + 1] = b * c[i] + a * s[i];
    }
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < half; ++i) {
      float a = x[i], b = x[i + half];
      y[i] = a * c[i] - b * s[i];
      y[i + half] = b * c[i] + a * s[i];
    }
  }
}

}  // namespace

void fill_rope(Simd& s) { s.rope32 = rope32; }

}  // namespace VOB_ISA
}  // namespace vob

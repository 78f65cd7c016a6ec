// float32 rounded to bfloat16 by the CPU's own instruction, which takes subnormal numbers for 0:
// where there are any, they are rounded one by one.
#include <immintrin.h>

#include <cstring>

#include "kernels.h"

namespace vob {
namespace {

uint16_t rounded(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  if ((u & 0x7fffffffu) > 0x7f800000u) return uint16_t((u >> 16) | 0x40);
  return uint16_t((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

constexpr int kSubnormal = 0x20;  // of VFPCLASSPS

}  // namespace

void bf16_from_float(uint16_t* y, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 32) {
    const int64_t m = n - i < 32 ? n - i : 32;
    const __mmask32 there = m == 32 ? ~__mmask32(0) : (__mmask32(1) << m) - 1;
    const __m512 low = _mm512_maskz_loadu_ps(__mmask16(there), x + i);
    const __m512 high = _mm512_maskz_loadu_ps(__mmask16(there >> 16), x + i + 16);
    const __mmask16 few = _kor_mask16(_mm512_fpclass_ps_mask(low, kSubnormal),
                                      _mm512_fpclass_ps_mask(high, kSubnormal));
    if (__builtin_expect(few != 0, 0)) {
      uint16_t part[32];  // x and y may be the same memory
      for (int64_t j = 0; j < m; ++j) part[j] = rounded(x[i + j]);
      std::memcpy(y + i, part, size_t(m) * 2);
      continue;
    }
    _mm512_mask_storeu_epi16(y + i, there, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
}

}  // namespace vob

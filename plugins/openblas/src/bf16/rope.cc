// Rotary embedding of a row of bfloat16, straight from memory and back.
#include <immintrin.h>

#include "kernels.h"

namespace vob {

void bf16_rope(uint16_t* y, const uint16_t* x, const float* cos, const float* sin, int64_t half) {
  for (int64_t i = 0; i < half; i += 16) {
    const __mmask16 m = half - i >= 16 ? 0xffff : __mmask16((1u << (half - i)) - 1);
    const auto load = [m](const uint16_t* from) {
      const __m512i w = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, from));
      return (__m512)_mm512_slli_epi32(w, 16);
    };
    const auto store = [m](uint16_t* to, __m512 v) {
      _mm256_mask_storeu_epi16(to, m, (__m256i)_mm512_cvtneps_pbh(v));
    };
    const __m512 a = load(x + i), b = load(x + half + i);
    const __m512 c = _mm512_maskz_loadu_ps(m, cos + i), s = _mm512_maskz_loadu_ps(m, sin + i);
    store(y + i, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
    store(y + half + i, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
  }
}

}  // namespace vob

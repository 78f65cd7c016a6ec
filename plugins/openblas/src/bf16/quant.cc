// Rows of 4-bit weights times bfloat16: a table turns nibbles into the numbers they stand for.
#include <immintrin.h>

#include "kernels.h"

namespace vob {
namespace {

constexpr int64_t kAhead = 2048;  // bytes

/* Nibbles less 8, twice: the permutation looks at five bits of an index. */
alignas(64) const uint16_t kNumbers[32] = {
    0xc100, 0xc0e0, 0xc0c0, 0xc0a0, 0xc080, 0xc040, 0xc000, 0xbf80, 0x0000, 0x3f80, 0x4000,
    0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0, 0xc100, 0xc0e0, 0xc0c0, 0xc0a0, 0xc080, 0xc040,
    0xc000, 0xbf80, 0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0};

/* low and high += 32 products each. */
inline void products(const uint8_t* w, const uint16_t* x, __m512i numbers, __m512& low,
                     __m512& high) {
  _mm_prefetch(reinterpret_cast<const char*>(w + kAhead), _MM_HINT_T0);
  const __m512i v = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
  const __m512i l = _mm512_permutexvar_epi16(v, numbers);
  const __m512i h = _mm512_permutexvar_epi16(_mm512_srli_epi16(v, 4), numbers);
  low = _mm512_dpbf16_ps(low, (__m512bh)l, (__m512bh)_mm512_loadu_si512(x));
  high = _mm512_dpbf16_ps(high, (__m512bh)h, (__m512bh)_mm512_loadu_si512(x + 32));
}

}  // namespace

void bf16_dot4(float* y, const uint8_t* w, int64_t rows, const float* scale, const uint16_t* x,
               int64_t n, int64_t group) {
  const __m512i numbers = _mm512_load_si512(kNumbers);
  for (int64_t r = 0; r < rows; ++r) {
    __m512 a = _mm512_setzero_ps(), b = a;
    if (group == 32) {
      for (int64_t i = 0; i < n; i += 64, w += 32, scale += 2) {
        __m512 low = _mm512_setzero_ps(), high = low;
        products(w, x + i, numbers, low, high);
        a = _mm512_fmadd_ps(low, _mm512_set1_ps(scale[0]), a);
        b = _mm512_fmadd_ps(high, _mm512_set1_ps(scale[1]), b);
      }
    } else {
      for (int64_t i = 0; i < n; ++scale) {
        __m512 low = _mm512_setzero_ps(), high = low;
        for (const int64_t end = i + group; i < end; i += 64, w += 32)
          products(w, x + i, numbers, low, high);
        a = _mm512_fmadd_ps(low, _mm512_set1_ps(*scale), a);
        b = _mm512_fmadd_ps(high, _mm512_set1_ps(*scale), b);
      }
    }
    y[r] = _mm512_reduce_add_ps(_mm512_add_ps(a, b));
  }
}

}  // namespace vob

// Attention's tiles in registers and their operands, packed. Included by attention.cc only.
#ifndef VIDYA_OPENBLAS_SIMD_ATTENTION_PACK_H
#define VIDYA_OPENBLAS_SIMD_ATTENTION_PACK_H

#include "vec.h"
#if defined(__AVX512F__)
#include "transpose.h"
#endif

namespace vob {
namespace VOB_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int R = 12;  // 24 sums, 2 operands and a broadcast in 32 registers
#elif defined(__AVX2__)
constexpr int R = 6;
#else
constexpr int R = 4;
#endif
// Compiled once more where the CPU multiplies pairs of bfloat16.
#if defined(__AVX512BF16__)
constexpr int kTerms = 2;
#else
constexpr int kTerms = 1;
#endif
constexpr int L = kLanes<float>;
constexpr int N = 2 * L;

using F = Vec<float>;

#if defined(__AVX512F__)
/* Words of 16 * kTerms numbers of a line, of which n exist. */
inline __m512i line_words(const float* x, int64_t n, float scale) {
  auto some = [&](int64_t from) {
    const int64_t here = n - from;
    const __mmask16 mask = here >= 16 ? 0xffff : here <= 0 ? 0 : __mmask16((1 << here) - 1);
    return _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + from), _mm512_set1_ps(scale));
  };
#if defined(__AVX512BF16__)
  return (__m512i)_mm512_cvtne2ps_pbh(some(16), some(0));
#else
  return (__m512i)some(0);
#endif
}

template <int Lines>
void side_by_side(float* to, const float* x, int64_t ld, int64_t n, float scale) {
  constexpr int kNumbers = L * kTerms;
  for (int64_t p = 0; p < n; p += kNumbers, to += L * Lines)
    for (int i0 = 0; i0 < Lines; i0 += L) {
      constexpr int kPart = Lines < L ? Lines : L;
      __m512i r[16] = {};
      for (int i = 0; i < kPart; ++i) r[i] = line_words(x + (i0 + i) * ld + p, n - p, scale);
      transpose(r);
      const int64_t words = (n - p + kTerms - 1) / kTerms;
      for (int w = 0; w < L && w < words; ++w)
        _mm512_mask_storeu_epi32(to + w * Lines + i0, __mmask16((1 << kPart) - 1), r[w]);
    }
}
#else
template <int Lines>
void side_by_side(float* to, const float* x, int64_t ld, int64_t n, float scale) {
  for (int64_t p = 0; p < n; ++p)
    for (int i = 0; i < Lines; ++i) to[p * Lines + i] = x[i * ld + p] * scale;
}
#endif

void pack_rows(float* to, const float* x, int64_t ld, int64_t n, float scale) {
  side_by_side<R>(to, x, ld, n, scale);
}
void pack_panel(float* to, const float* x, int64_t ld, int64_t n) {
  side_by_side<N>(to, x, ld, n, 1.f);
}

#if defined(__AVX512BF16__)
/* Pairs (a_i, b_i) of bfloat16. */
inline __m512i pairs(__m512 a, __m512 b) {
  alignas(64) static const uint16_t order[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                 21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(order), (__m512i)_mm512_cvtne2ps_pbh(b, a));
}

void pack_lines(float* to, const float* x, int64_t ld, int64_t lines, int64_t width) {
  for (int64_t i = 0; i < lines; i += 2, x += 2 * ld, to += width)
    for (int64_t j = 0; j < width; j += L)
      _mm512_storeu_si512(to + j, pairs(_mm512_loadu_ps(x + j), _mm512_loadu_ps(x + ld + j)));
}
#endif

}  // namespace
}  // namespace VOB_ISA
}  // namespace vob

#endif

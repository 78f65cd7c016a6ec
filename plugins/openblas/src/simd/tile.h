// The register tile of a matrix product. For files compiled for AVX-512 only.
#ifndef VIDYA_OPENBLAS_SIMD_TILE_H
#define VIDYA_OPENBLAS_SIMD_TILE_H

#include <immintrin.h>

#include "../packed_kernels.h"

namespace vob {

static inline __mmask16 first16(int64_t n) {
  return n >= 16 ? 0xffff : n <= 0 ? 0 : __mmask16((1u << n) - 1);
}

/* R rows. `Op` has the type E, the product of words `madd(acc, a, b)`, and `store(out, low, high,
 * n)` of the first n of 32 sums. */
template <class Op, int R, bool kByRows>
void tile_of(const Tile<typename Op::E>& t) {
  using E = typename Op::E;
  constexpr bool kFloat = sizeof(E) == 4;
  const __mmask16 m0 = kFloat ? first16(t.columns) : 0xffff,
                  m1 = kFloat ? first16(t.columns - 16) : 0xffff;
  __m512 acc[R][2];
  for (int i = 0; i < R; ++i) {
    const float* from = t.add ? t.sums + i * t.sums_step : t.bias;
    acc[i][0] = from ? _mm512_maskz_loadu_ps(m0, from) : _mm512_setzero_ps();
    acc[i][1] = from ? _mm512_maskz_loadu_ps(m1, from + 16) : _mm512_setzero_ps();
  }
  // the lines that are written at the end are on their way meanwhile
  if (t.out)
    for (int i = 0; i < R; ++i)
      for (int64_t j = 0; j < t.columns; j += 64 / int64_t(sizeof(E)))
        __builtin_prefetch(t.out + i * t.out_step + j, 1);
  const uint32_t *a = t.a, *b = t.b;
  if constexpr (kByRows) {
    const int64_t step = t.a_row;
    const uint32_t* a3[4] = {a, a + 3 * step, a + 6 * step, a + 9 * step};
    for (int64_t p = 0; p < t.words; ++p, b += kTileCols) {
      const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 16);
      for (int i = 0; i < R; ++i) {
        const __m512i x = _mm512_set1_epi32(int(a3[i / 3][i % 3 * step]));
        acc[i][0] = Op::madd(acc[i][0], x, b0);
        acc[i][1] = Op::madd(acc[i][1], x, b1);
      }
      for (int i = 0; i < 4; ++i) ++a3[i];
    }
  } else {
    for (int64_t p = 0; p < t.words; ++p, a += t.a_word, b += kTileCols) {
      const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 16);
      for (int i = 0; i < R; ++i) {
        const __m512i x = _mm512_set1_epi32(int(a[i]));
        acc[i][0] = Op::madd(acc[i][0], x, b0);
        acc[i][1] = Op::madd(acc[i][1], x, b1);
      }
    }
  }
  if (t.out) {
    for (int i = 0; i < R; ++i) Op::store(t.out + i * t.out_step, acc[i][0], acc[i][1], t.columns);
  } else {
    for (int i = 0; i < R; ++i) {
      float* to = t.sums + i * t.sums_step;
      if (!kFloat || t.columns == kTileCols) {
        _mm512_storeu_ps(to, acc[i][0]);
        _mm512_storeu_ps(to + 16, acc[i][1]);
      } else {
        _mm512_mask_storeu_ps(to, m0, acc[i][0]);
        _mm512_mask_storeu_ps(to + 16, m1, acc[i][1]);
      }
    }
  }
}

template <class Op>
void tile(const Tile<typename Op::E>& t) {
  using Fn = void (*)(const Tile<typename Op::E>&);
  static const Fn by_rows[] = {nullptr,
                               tile_of<Op, 1, true>,
                               tile_of<Op, 2, true>,
                               tile_of<Op, 3, true>,
                               tile_of<Op, 4, true>,
                               tile_of<Op, 5, true>,
                               tile_of<Op, 6, true>,
                               tile_of<Op, 7, true>,
                               tile_of<Op, 8, true>,
                               tile_of<Op, 9, true>,
                               tile_of<Op, 10, true>,
                               tile_of<Op, 11, true>,
                               tile_of<Op, 12, true>};
  static const Fn by_words[] = {nullptr,
                                tile_of<Op, 1, false>,
                                tile_of<Op, 2, false>,
                                tile_of<Op, 3, false>,
                                tile_of<Op, 4, false>,
                                tile_of<Op, 5, false>,
                                tile_of<Op, 6, false>,
                                tile_of<Op, 7, false>,
                                tile_of<Op, 8, false>,
                                tile_of<Op, 9, false>,
                                tile_of<Op, 10, false>,
                                tile_of<Op, 11, false>,
                                tile_of<Op, 12, false>};
  (t.a_word == 1 ? by_rows : by_words)[t.rows](t);
}

}  // namespace vob

#endif

// The register tile of a matrix product. For files compiled for AVX-512 only.
#ifndef VIDYA_OPENBLAS_SIMD_TILE_H
#define VIDYA_OPENBLAS_SIMD_TILE_H

#include <immintrin.h>

#include <algorithm>

#include "products/packed_kernels.h"

namespace vob {

static inline __mmask16 first16(int64_t n) {
  return n >= 16 ? 0xffff : n <= 0 ? 0 : __mmask16((1u << n) - 1);
}

/* The first n of 32 sums, as float32. */
static inline void store_sums(float* to, const float* plus, __m512 low, __m512 high, int64_t n) {
  const __mmask16 m0 = first16(n), m1 = first16(n - 16);
  if (plus) {
    low = _mm512_add_ps(low, _mm512_maskz_loadu_ps(m0, plus));
    high = _mm512_add_ps(high, _mm512_maskz_loadu_ps(m1, plus + 16));
  }
  if (n == kTileCols) {
    _mm512_storeu_ps(to, low);
    _mm512_storeu_ps(to + 16, high);
  } else {
    _mm512_mask_storeu_ps(to, m0, low);
    _mm512_mask_storeu_ps(to + 16, m1, high);
  }
}

/* Lines of memory that are asked for one by one while the sums are made: all at once they would
 * hold up the operands. `kCache`: 3 for the first one, 2 for the second. */
template <int kCache>
class Lines {
 public:
  explicit Lines(const Ahead& x) : x_(x) {}
  Lines(const void* at, int64_t step, int64_t bytes, int64_t rows)
      : x_{static_cast<const char*>(at), step, (bytes + 63) / 64, 0, 0} {
    if (at) x_.left = rows * x_.wide;
  }

  int64_t left() const { return x_.left; }
  void next() {
    if (x_.left <= 0) return;
    __builtin_prefetch(x_.row + 64 * x_.column, 0, kCache);
    --x_.left;
    if (++x_.column < x_.wide) return;
    x_.column = 0;
    x_.row += x_.step;
  }

 private:
  Ahead x_;
};

/* R rows. `Op` has the type E, the product of words `madd(acc, a, b)`, and `store(out, plus, low,
 * high, n)` of the first n of 32 sums. */
template <class Op, int R, bool kByRows>
void tile_of(const Tile<typename Op::E>& t) {
  using E = typename Op::E;
  constexpr bool kFloat = sizeof(E) == 4;
  const bool wide = kFloat || t.wide;
  const int64_t size = wide ? 4 : int64_t(sizeof(E));
  __m512 acc[R][2];
  if (t.from) {
    const int64_t n = kFloat ? t.columns : kTileCols;
    const __mmask16 m0 = first16(n), m1 = first16(n - 16);
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i) {
      acc[i][0] = _mm512_maskz_loadu_ps(m0, t.from + i * t.from_step);
      acc[i][1] = _mm512_maskz_loadu_ps(m1, t.from + i * t.from_step + 16);
    }
  } else {
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i) acc[i][0] = acc[i][1] = _mm512_setzero_ps();
  }
  Lines<3> out(t.out, t.out_step * size, t.columns * size, R);
  Lines<3> plus(t.plus == t.out ? nullptr : t.plus, t.plus_step * size, t.columns * size, R);
  Lines<2> next_a(t.ahead[0]), next_b(t.ahead[1]);
  // all lines within three quarters of the words
  const int64_t most = std::max(out.left(), std::max(next_a.left(), next_b.left()));
  const int64_t part = most ? std::max<int64_t>(t.words * 3 / 4 / most, 2) : t.words;
  const uint32_t *a = t.a, *b = t.b;
  const int64_t step = t.a_row;
  const uint32_t* a3[4] = {a, a + 3 * step, a + 6 * step, a + 9 * step};
  for (int64_t p = 0; p < t.words;) {
    out.next();
    plus.next();
    next_a.next();
    next_b.next();
    const int64_t end = p + part < t.words ? p + part : t.words;
    for (; p < end; ++p, b += kTileCols) {
      const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 16);
      for (int i = 0; i < R; ++i) {
        const __m512i x = _mm512_set1_epi32(int(kByRows ? a3[i / 3][i % 3 * step] : a[i]));
        acc[i][0] = Op::madd(acc[i][0], x, b0);
        acc[i][1] = Op::madd(acc[i][1], x, b1);
      }
      if (kByRows)
        for (int i = 0; i < 4; ++i) ++a3[i];
      else
        a += t.a_word;
    }
  }
  if (!t.out) {
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i)
      store_sums(t.sums + i * t.sums_step, nullptr, acc[i][0], acc[i][1],
                 kFloat ? t.columns : kTileCols);
  } else if (wide) {
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i)
      store_sums(static_cast<float*>(t.out) + i * t.out_step,
                 t.plus ? static_cast<const float*>(t.plus) + i * t.plus_step : nullptr, acc[i][0],
                 acc[i][1], t.columns);
  } else {
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i)
      Op::store(static_cast<E*>(t.out) + i * t.out_step,
                t.plus ? static_cast<const E*>(t.plus) + i * t.plus_step : nullptr, acc[i][0],
                acc[i][1], t.columns);
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

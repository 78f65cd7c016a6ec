// A strip of A's columns, spread over the tiles that it is multiplied in. For files compiled for
// AVX-512 only.
#ifndef VIDYA_OPENBLAS_SIMD_SPREAD_H
#define VIDYA_OPENBLAS_SIMD_SPREAD_H

#include <immintrin.h>

#include <utility>

#include "products/packed_kernels.h"

namespace vob {

constexpr int kSpreadVectors = kStripRows / 16;

/* Words [n t, n t + n) of v go to tile t, t n words of k further on. `whole`: what follows them may
 * be overwritten. */
template <int n, int t>
inline void spread_tile(uint32_t* to, const __m512i (&v)[kSpreadVectors], int64_t words,
                        bool whole) {
  constexpr int at = n * t / 16, off = n * t % 16;
  constexpr int next = off + n <= 16 ? at : at + 1;
  const __m512i x = _mm512_alignr_epi32(v[next], v[at], off);
  to += t * n * words;
  if (whole)
    _mm512_storeu_si512(to, x);
  else
    _mm512_mask_storeu_epi32(to, __mmask16((1u << n) - 1), x);
}

template <int n, class Load, int... t>
void spread_by(uint32_t* to, int64_t rows, int64_t words, const Load& load,
               std::integer_sequence<int, t...>) {
  const bool all = rows > int64_t(sizeof...(t) - 1) * n;
  for (int64_t p = 0; p < words; ++p, to += n) {
    __m512i v[kSpreadVectors];
    load(p, v);
    const bool whole = (words - p) * n >= 16;  // the next columns write there anew
    if (all && whole)
      (spread_tile<n, t>(to, v, words, true), ...);
    else
      ((t * n < rows ? spread_tile<n, t>(to, v, words, whole) : void()), ...);
  }
}

/* `load(p, v)` gives the words of column p for at most kStripRows rows; they go to tiles of n. */
template <class Load>
void spread(uint32_t* to, int64_t rows, int64_t n, int64_t words, const Load& load) {
  const auto tiles = std::make_integer_sequence<int, kStripRows / kTileRows>();
  switch (n) {
#define VOB_SPREAD(n) \
  case n:             \
    return spread_by<n>(to, rows, words, load, tiles);
    VOB_SPREAD(1)
    VOB_SPREAD(2)
    VOB_SPREAD(3)
    VOB_SPREAD(4)
    VOB_SPREAD(5)
    VOB_SPREAD(6)
    VOB_SPREAD(7)
    VOB_SPREAD(8)
    VOB_SPREAD(9)
    VOB_SPREAD(10)
    VOB_SPREAD(11)
    VOB_SPREAD(12)
#undef VOB_SPREAD
  }
}

}  // namespace vob

#endif

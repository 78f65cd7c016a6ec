#include "kernels.h"

#include <immintrin.h>

namespace vob {
namespace {

void pack_b(uint32_t* to, const uint16_t* b, int64_t s0, int64_t s1, int64_t k, int64_t n) {
  if (s1 == 1) {  // rows lie along n: interleave two of them
    __m512i low, high;
    {
      alignas(64) uint16_t l[32], h[32];
      for (int i = 0; i < 16; ++i) {
        l[2 * i] = uint16_t(i), l[2 * i + 1] = uint16_t(32 + i);
        h[2 * i] = uint16_t(16 + i), h[2 * i + 1] = uint16_t(48 + i);
      }
      low = _mm512_load_si512(l);
      high = _mm512_load_si512(h);
    }
    const __mmask32 mask = n >= 32 ? ~__mmask32(0) : (__mmask32(1) << n) - 1;
    for (int64_t p = 0; p < k; p += 2, to += 32) {
      __m512i r0 = _mm512_maskz_loadu_epi16(mask, b + p * s0);
      __m512i r1 =
          p + 1 < k ? _mm512_maskz_loadu_epi16(mask, b + (p + 1) * s0) : _mm512_setzero_si512();
      _mm512_storeu_si512(to, _mm512_permutex2var_epi16(r0, low, r1));
      _mm512_storeu_si512(to + 16, _mm512_permutex2var_epi16(r0, high, r1));
    }
    return;
  }
  // columns lie along k: a pair is one word, and words are transposed
  const int64_t pairs = (k + 1) / 2;
  for (int64_t j = 0; j < 32; ++j) {
    uint32_t* column = to + j;
    if (j >= n) {
      for (int64_t p = 0; p < pairs; ++p) column[p * 32] = 0;
      continue;
    }
    const uint16_t* from = b + j * s1;
    for (int64_t p = 0; p < k / 2; ++p) {
      uint32_t pair;
      __builtin_memcpy(&pair, from + 2 * p, 4);
      column[p * 32] = pair;
    }
    if (k & 1) column[(pairs - 1) * 32] = from[k - 1];
  }
}

void pack_a(uint32_t* to, const uint16_t* a, int64_t s0, int64_t s1, int64_t rows, int64_t k) {
  if (s1 == 1) {
    const uint16_t* r[kBf16Rows];
    for (int64_t i = 0; i < rows; ++i) r[i] = a + i * s0;
    for (int64_t p = 0; p + 1 < k; p += 2, to += rows)
      for (int64_t i = 0; i < rows; ++i) __builtin_memcpy(to + i, r[i] + p, 4);
    if (k & 1)
      for (int64_t i = 0; i < rows; ++i) to[i] = r[i][k - 1];
    return;
  }
  for (int64_t p = 0; p < k; p += 2, to += rows) {
    const uint16_t *x = a + p * s1, *y = x + s1;
    const bool last = p + 1 >= k;
    for (int64_t i = 0; i < rows; ++i)
      to[i] = uint32_t(x[i * s0]) | (last ? 0u : uint32_t(y[i * s0]) << 16);
  }
}

template <int R>
void tile_of(float* c, int64_t ldc, const uint32_t* a, const uint32_t* b, int64_t pairs, bool add) {
  __m512 acc[R][2];
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < 2; ++j)
      acc[i][j] = add ? _mm512_loadu_ps(c + i * ldc + 16 * j) : _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; ++p, a += R, b += 32) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + 16);
    for (int i = 0; i < R; ++i) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32(int(a[i]));
      acc[i][0] = _mm512_dpbf16_ps(acc[i][0], x, b0);
      acc[i][1] = _mm512_dpbf16_ps(acc[i][1], x, b1);
    }
  }
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < 2; ++j) _mm512_storeu_ps(c + i * ldc + 16 * j, acc[i][j]);
}

void tile(float* c, int64_t ldc, const uint32_t* a, const uint32_t* b, int64_t rows, int64_t pairs,
          bool add) {
  using Fn = void (*)(float*, int64_t, const uint32_t*, const uint32_t*, int64_t, bool);
  static const Fn by_rows[] = {nullptr,     tile_of<1>,  tile_of<2>, tile_of<3>, tile_of<4>,
                               tile_of<5>,  tile_of<6>,  tile_of<7>, tile_of<8>, tile_of<9>,
                               tile_of<10>, tile_of<11>, tile_of<12>};
  by_rows[rows](c, ldc, a, b, pairs, add);
}

}  // namespace

const Bf16Kernels* bf16_kernels_avx512() {
  static const Bf16Kernels kernels{pack_b, pack_a, tile};
  return &kernels;
}

}  // namespace vob

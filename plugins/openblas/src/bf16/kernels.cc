#include "kernels.h"

#include "../simd/transpose.h"

namespace vob {
namespace {

inline __mmask32 first(int64_t n) { return n >= 32 ? ~__mmask32(0) : (__mmask32(1) << n) - 1; }

constexpr int64_t kAhead = 32;  // lines of memory, far apart, that no hardware foresees

inline void prefetch(const uint16_t* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 32)
    _mm_prefetch(reinterpret_cast<const char*>(x + i), _MM_HINT_T0);
}

/* Lines of k numbers each, `line` apart, become columns of pairs: pair p of line i is word
 * to[p * step + i]. At most 16 lines; `words` of each row of words are written, 0 past `lines`. */
void pack_lines(uint32_t* to, int64_t step, int64_t words, const uint16_t* from, int64_t line,
                int64_t lines, int64_t k) {
  const __mmask16 written = __mmask16((1u << words) - 1);
  for (int64_t p = 0; p < k; p += 32, to += 16 * step) {
    const __mmask32 mask = first(k - p);
    __m512i r[16];
    for (int i = 0; i < 16; ++i)
      r[i] =
          i < lines ? _mm512_maskz_loadu_epi16(mask, from + i * line + p) : _mm512_setzero_si512();
    transpose(r);
    const int64_t pairs = (k - p + 1) / 2;
    for (int i = 0; i < 16 && i < pairs; ++i)
      _mm512_mask_storeu_epi32(to + i * step, written, r[i]);
  }
}

void pack_b(uint32_t* to, const uint16_t* b, int64_t s0, int64_t s1, int64_t k, int64_t n) {
  if (s1 != 1) {  // columns lie along k
    pack_lines(to, 32, 16, b, s1, n < 16 ? n : 16, k);
    pack_lines(to + 16, 32, 16, b + 16 * s1, s1, n < 16 ? 0 : n - 16, k);
    return;
  }
  // rows lie along n: interleave two of them
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
  const __mmask32 mask = first(n);
  for (int64_t p = 0; p < k; p += 2, to += 32) {
    prefetch(b + (p + kAhead) * s0, 32);
    prefetch(b + (p + kAhead + 1) * s0, 32);
    const __m512i r0 = _mm512_maskz_loadu_epi16(mask, b + p * s0);
    const __m512i r1 =
        p + 1 < k ? _mm512_maskz_loadu_epi16(mask, b + (p + 1) * s0) : _mm512_setzero_si512();
    _mm512_storeu_si512(to, _mm512_permutex2var_epi16(r0, low, r1));
    _mm512_storeu_si512(to + 16, _mm512_permutex2var_epi16(r0, high, r1));
  }
}

/* Two columns of A as words, by any strides. */
void pack_pair(uint32_t* to, const uint16_t* x, const uint16_t* y, int64_t s0, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i)
    to[i] = uint32_t(x[i * s0]) | (y ? uint32_t(y[i * s0]) << 16 : 0u);
}

/* The same where they lie along the rows. */
inline void interleave(uint32_t* to, const uint16_t* x, const uint16_t* y, int64_t rows) {
  const __mmask16 mask = __mmask16((1u << rows) - 1);
  __m512i pair = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, x));
  if (y) {
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, y));
    pair = _mm512_or_si512(pair, _mm512_slli_epi32(high, 16));
  }
  _mm512_mask_storeu_epi32(to, mask, pair);
}

void pack_a(uint32_t* to, const uint16_t* a, int64_t s0, int64_t s1, int64_t rows, int64_t each,
            int64_t k) {
  const int64_t pairs = (k + 1) / 2;
  if (s1 == 1) {
    for (int64_t r = 0; r < rows; r += each) {
      const int64_t n = r + each < rows ? each : rows - r;
      pack_lines(to + r * pairs, n, n, a + r * s0, s0, n, k);
    }
    return;
  }
  // all rows of a column before the next: its cache lines are read once
  for (int64_t p = 0; p < pairs; ++p) {
    const uint16_t *x = a + 2 * p * s1, *y = 2 * p + 1 < k ? x + s1 : nullptr;
    if (s0 == 1) {
      prefetch(x + kAhead * s1, rows);
      prefetch(x + (kAhead + 1) * s1, rows);
    }
    for (int64_t r = 0; r < rows; r += each) {
      const int64_t n = r + each < rows ? each : rows - r;
      uint32_t* at = to + r * pairs + p * n;
      if (s0 == 1)
        interleave(at, x + r, y ? y + r : y, n);
      else
        pack_pair(at, x + r * s0, y ? y + r * s0 : y, s0, n);
    }
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

void round(uint16_t* to, const float* x, int64_t n) {
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m512bh y = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i));
    _mm512_storeu_si512(to + i, (__m512i)y);
  }
  for (; i < n; i += 16) {
    const __mmask16 mask = __mmask16(first(n - i));
    const __m256bh y = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + i));
    _mm256_mask_storeu_epi16(to + i, mask, (__m256i)y);
  }
}

}  // namespace

const Bf16Kernels* bf16_kernels_avx512() {
  static const Bf16Kernels kernels{
      {pack_b, pack_a, tile, round}, bf16_nibble_row, bf16_dot4, bf16_scores, bf16_weighted};
  return &kernels;
}

}  // namespace vob

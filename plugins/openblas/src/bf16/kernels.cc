#include "kernels.h"

#include "simd/tile.h"
#include "simd/transpose.h"

namespace vob {
namespace {

inline __mmask32 first(int64_t n) {
  return n >= 32 ? ~__mmask32(0) : n <= 0 ? 0 : (__mmask32(1) << n) - 1;
}

constexpr int64_t kAhead = 16;  // lines of memory, far apart, that no hardware foresees

inline void prefetch(const uint16_t* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 32)
    _mm_prefetch(reinterpret_cast<const char*>(x + i), _MM_HINT_T0);
}

/* Words of two rows: x[0] y[0] x[1] y[1] ... */
class Pairs {
 public:
  Pairs() {
    alignas(64) uint16_t l[32], h[32];
    for (int i = 0; i < 16; ++i) {
      l[2 * i] = uint16_t(i), l[2 * i + 1] = uint16_t(32 + i);
      h[2 * i] = uint16_t(16 + i), h[2 * i + 1] = uint16_t(48 + i);
    }
    low_ = _mm512_load_si512(l);
    high_ = _mm512_load_si512(h);
  }
  void interleave(__m512i& low, __m512i& high, __m512i x, __m512i y) const {
    low = _mm512_permutex2var_epi16(x, low_, y);
    high = _mm512_permutex2var_epi16(x, high_, y);
  }

 private:
  __m512i low_, high_;
};

/* Lines of k numbers each, `line` apart, become columns of pairs: pair p of line i is word
 * to[p * step + i]. At most 16 lines; the rest of 16 is 0. */
void pack_lines(uint32_t* to, int64_t step, const uint16_t* from, int64_t line, int64_t lines,
                int64_t k) {
  for (int64_t p = 0; p < k; p += 32, to += 16 * step) {
    const __mmask32 mask = first(k - p);
    __m512i r[16];
    for (int i = 0; i < 16; ++i)
      r[i] =
          i < lines ? _mm512_maskz_loadu_epi16(mask, from + i * line + p) : _mm512_setzero_si512();
    transpose(r);
    const int64_t pairs = (k - p + 1) / 2;
    for (int i = 0; i < 16 && i < pairs; ++i) _mm512_storeu_si512(to + i * step, r[i]);
  }
}

void pack_b(uint32_t* to, const uint16_t* b, int64_t s0, int64_t s1, int64_t k, int64_t n) {
  if (s1 != 1) {  // columns lie along k
    pack_lines(to, 32, b, s1, n < 16 ? n : 16, k);
    pack_lines(to + 16, 32, b + 16 * s1, s1, n < 16 ? 0 : n - 16, k);
    return;
  }
  // rows lie along n: interleave two of them
  const Pairs pairs;
  const __mmask32 mask = first(n);
  for (int64_t p = 0; p < k; p += 2, to += 32) {
    prefetch(b + (p + kAhead) * s0, 32);
    prefetch(b + (p + kAhead + 1) * s0, 32);
    const __m512i r0 = _mm512_maskz_loadu_epi16(mask, b + p * s0);
    const __m512i r1 =
        p + 1 < k ? _mm512_maskz_loadu_epi16(mask, b + (p + 1) * s0) : _mm512_setzero_si512();
    __m512i low, high;
    pairs.interleave(low, high, r0, r1);
    _mm512_storeu_si512(to, low);
    _mm512_storeu_si512(to + 16, high);
  }
}

void copy_rows(uint32_t* to, int64_t step, const uint16_t* a, int64_t s0, int64_t rows, int64_t k) {
  for (int64_t i = 0; i < rows; ++i, to += step, a += s0)
    for (int64_t p = 0; p < k; p += 32)
      _mm512_storeu_si512(to + p / 2, _mm512_maskz_loadu_epi16(first(k - p), a + p));
}

void copy_columns(uint32_t* to, int64_t step, const uint16_t* a, int64_t s1, int64_t rows,
                  int64_t k) {
  const Pairs pairs;
  for (int64_t p = 0; p < k; p += 2, to += step, a += 2 * s1) {
    prefetch(a + kAhead * s1, rows);
    prefetch(a + (kAhead + 1) * s1, rows);
    for (int64_t i = 0; i < rows; i += 32) {
      const __mmask32 mask = first(rows - i);
      const __m512i x = _mm512_maskz_loadu_epi16(mask, a + i);
      const __m512i y =
          p + 1 < k ? _mm512_maskz_loadu_epi16(mask, a + s1 + i) : _mm512_setzero_si512();
      __m512i low, high;
      pairs.interleave(low, high, x, y);
      _mm512_storeu_si512(to + i, low);
      if (rows - i > 16) _mm512_storeu_si512(to + i + 16, high);
    }
  }
}

class Madd {
 public:
  using E = uint16_t;
  static __m512 madd(__m512 sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  }
  static void store(uint16_t* to, const uint16_t* plus, __m512 low, __m512 high, int64_t n) {
    if (plus) {
      const __m512i x = _mm512_maskz_loadu_epi16(first(n), plus);
      low = _mm512_add_ps(low, wide(_mm512_castsi512_si256(x)));
      high = _mm512_add_ps(high, wide(_mm512_extracti64x4_epi64(x, 1)));
    }
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    if (n == kTileCols)
      _mm512_storeu_si512(to, both);
    else
      _mm512_mask_storeu_epi16(to, first(n), both);
  }

 private:
  static __m512 wide(__m256i x) { return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16); }
};

}  // namespace

const Bf16Kernels* bf16_kernels_avx512() {
  static const Bf16Kernels kernels{{pack_b, copy_rows, copy_columns, tile<Madd>},
                                   bf16_byte_row,
                                   bf16_dot_ints,
                                   bf16_pack_ints,
                                   bf16_scores,
                                   bf16_weighted,
                                   bf16_rope,
                                   bf16_few_rows};
  return &kernels;
}

}  // namespace vob

// Integer weights as the packed right side of a product of bfloat16: what a tile reads is made from
// the integers where a matrix would be copied.
#include <immintrin.h>

#include "kernels.h"
#include "simd/transpose.h"

namespace vob {
namespace {

inline __m512 load(__mmask16 mask, const float* x) { return _mm512_maskz_loadu_ps(mask, x); }
inline __m512 load(__mmask16 mask, const uint16_t* x) {
  const __m256i half = _mm256_maskz_loadu_epi16(mask, x);
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
}

/* Of a block's lanes only pairs have to be made. */
template <int kBits, class S>
void pack_block(uint32_t* to, const IntWeights& w, int64_t k0, int64_t k, int64_t rows) {
  const S *scale = static_cast<const S*>(w.scale), *zero = static_cast<const S*>(w.zero);
  const uint8_t* from = w.w + k0 * kBits / 8 * rows;
  const __mmask16 mask = rows >= 16 ? 0xffff : __mmask16((1u << rows) - 1);
  const __m512 values = _mm512_set_ps(7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7, -8);
  alignas(64) uint16_t order[32];
  for (int i = 0; i < 16; ++i) order[2 * i] = uint16_t(i), order[2 * i + 1] = uint16_t(16 + i);
  const __m512i pairs = _mm512_load_si512(order);
  for (int64_t p = k0; p < k0 + k; p += 32) {
    const int64_t at = p / w.group * rows;
    const __m512 s = load(mask, scale + at);
    const __m512 z = zero ? load(mask, zero + at) : _mm512_setzero_ps();
    for (int i = 0; i < kBits; ++i, from += 4 * rows) {
      const __m512i v = _mm512_maskz_loadu_epi32(mask, from);
      auto value = [&](int shift) {  // of the lowest bits left
        if constexpr (kBits == 4)
          return _mm512_fmadd_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(v, shift), values), s, z);
        const __m512i byte = _mm512_srai_epi32(_mm512_slli_epi32(v, 24 - shift), 24);
        return _mm512_fmadd_ps(_mm512_cvtepi32_ps(byte), s, z);
      };
      auto put = [&](int shift) {
        const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(value(shift + 8), value(shift));
        _mm512_storeu_si512(to, _mm512_permutexvar_epi16(pairs, both));
        to += kTileCols;
      };
      put(0);
      put(16);
      if (kBits == 8) continue;
      put(4);
      put(20);
    }
  }
}

template <int kBits, class S>
void pack_rows(uint32_t* to, const IntWeights& w, int64_t depth, int64_t k0, int64_t k,
               int64_t rows) {
  for (int64_t i = 0; i < kTileCols; i += kBlockRows, to += kBlockRows) {
    const int64_t n = rows - i < kBlockRows ? rows - i : kBlockRows;
    if (n <= 0) {
      for (int64_t p = 0; p < k / 2; ++p) _mm512_storeu_si512(to + p * kTileCols, __m512i{});
      continue;
    }
    const int64_t at = i * (depth / w.group) * int64_t(sizeof(S));
    const auto later = [=](const void* x) {
      return x ? static_cast<const char*>(x) + at : nullptr;
    };
    const IntWeights block{w.w + i * depth * kBits / 8, later(w.scale), later(w.zero), w.half,
                           w.group};
    pack_block<kBits, S>(to, block, k0, k, n);
  }
}

}  // namespace

void bf16_pack_ints(uint32_t* to, const IntWeights& w, int bits, int64_t depth, int64_t k0,
                    int64_t k, int64_t rows) {
  if (bits == 8)
    (w.half ? pack_rows<8, uint16_t> : pack_rows<8, float>)(to, w, depth, k0, k, rows);
  else
    (w.half ? pack_rows<4, uint16_t> : pack_rows<4, float>)(to, w, depth, k0, k, rows);
}

}  // namespace vob

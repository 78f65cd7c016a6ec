// Integer weights as the packed right side of a product of bfloat16: what a tile reads is made from
// the integers where a matrix would be copied.
#include <immintrin.h>

#include "../simd/transpose.h"
#include "kernels.h"

namespace vob {
namespace {

inline float widen(float x) { return x; }
inline float widen(uint16_t x) {
  const uint32_t bits = uint32_t(x) << 16;
  float y;
  __builtin_memcpy(&y, &bits, 4);
  return y;
}

inline __m128i bytes(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

/* 32 weights from k on, as integers. */
struct Eight {
  static constexpr int kBits = 8;
  static void load(const uint8_t* row, int64_t k, __m512i& low, __m512i& high) {
    low = _mm512_cvtepi8_epi32(bytes(row + k));
    high = _mm512_cvtepi8_epi32(bytes(row + k + 16));
  }
};
struct Four {
  static constexpr int kBits = 4;
  static void load(const uint8_t* row, int64_t k, __m512i& low, __m512i& high) {
    const uint8_t* p = row + k / 64 * 32;
    const __m512i nibble = _mm512_set1_epi32(15), eight = _mm512_set1_epi32(8);
    const __m128i shift = _mm_cvtsi32_si128(k % 64 ? 4 : 0);
    auto part = [&](const uint8_t* q) {
      const __m512i v = _mm512_srl_epi32(_mm512_cvtepu8_epi32(bytes(q)), shift);
      return _mm512_sub_epi32(_mm512_and_si512(v, nibble), eight);
    };
    low = part(p);
    high = part(p + 16);
  }
};

template <class Weights, class S>
void pack(uint32_t* to, const IntWeights& w, int64_t depth, int64_t k0, int64_t k, int64_t rows) {
  const S *scale = static_cast<const S*>(w.scale), *zero = static_cast<const S*>(w.zero);
  const int64_t groups = depth / w.group, step = depth * Weights::kBits / 8;
  for (int64_t p = k0; p < k0 + k; p += 32, to += 16 * kTileCols) {
    const int64_t g = p / w.group;
    for (int64_t half = 0; half < kTileCols; half += 16) {
      __m512i r[16];
      for (int64_t i = 0; i < 16; ++i) {
        const int64_t row = half + i;
        r[i] = _mm512_setzero_si512();
        if (row >= rows) continue;
        __m512i low, high;
        Weights::load(w.w + row * step, p, low, high);
        const __m512 s = _mm512_set1_ps(widen(scale[row * groups + g]));
        const __m512 z = _mm512_set1_ps(zero ? widen(zero[row * groups + g]) : 0.f);
        r[i] = (__m512i)_mm512_cvtne2ps_pbh(_mm512_fmadd_ps(_mm512_cvtepi32_ps(high), s, z),
                                            _mm512_fmadd_ps(_mm512_cvtepi32_ps(low), s, z));
      }
      transpose(r);
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + i * kTileCols + half, r[i]);
    }
  }
}

}  // namespace

void bf16_pack_ints(uint32_t* to, const IntWeights& w, int bits, int64_t depth, int64_t k0,
                    int64_t k, int64_t rows) {
  if (bits == 8)
    w.half ? pack<Eight, uint16_t>(to, w, depth, k0, k, rows)
           : pack<Eight, float>(to, w, depth, k0, k, rows);
  else
    w.half ? pack<Four, uint16_t>(to, w, depth, k0, k, rows)
           : pack<Four, float>(to, w, depth, k0, k, rows);
}

}  // namespace vob

// Rows of 4-bit weights times 15-bit integers, by the CPU's dot product of bytes (AVX512_VNNI).
#include <immintrin.h>

#include "kernels.h"

namespace vob {
namespace {

constexpr int64_t kAhead = 8192;  // bytes, into the second cache
constexpr int kTop = 127 * 128;   // of a rounded element

inline __m512 widen(const uint16_t* x) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
}

}  // namespace

void bf16_nibble_row(const NibbleRow& to, const uint16_t* x, int64_t n) {
  const int64_t whole = nibble_groups(n) * 32;
  for (int64_t i = n; i < whole; i += 32) {
    to.scale[i / 32] = to.sum[i / 32] = 0;
    for (int64_t j = 0; j < 32; ++j) to.high_low[nibble_at(i + j)] = 0;
    for (int64_t j = 0; j < 32; ++j) to.high_low[nibble_at(i + j) + 64] = 0;
  }
  for (int64_t i = 0; i < n; i += 32) {
    const __m512 a = widen(x + i), b = widen(x + i + 16);
    const float top = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
    // NaN and infinity reach the result through the scale
    const bool odd = _mm512_cmp_ps_mask(_mm512_sub_ps(a, a), a, _CMP_UNORD_Q) ||
                     _mm512_cmp_ps_mask(_mm512_sub_ps(b, b), b, _CMP_UNORD_Q);
    const float scale = odd ? __builtin_nanf("") : top / kTop;
    const __m512 inverse = _mm512_set1_ps(odd || top < 1e-30f ? 0.f : kTop / top);
    const __m512i qa = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse));
    const __m512i qb = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
    const __m512i half = _mm512_set1_epi32(64);
    const __m512i ha = _mm512_srai_epi32(_mm512_add_epi32(qa, half), 7);
    const __m512i hb = _mm512_srai_epi32(_mm512_add_epi32(qb, half), 7);
    int8_t* at = to.high_low + nibble_at(i);
    auto put = [](int8_t* p, __m512i v) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
    };
    put(at, ha);
    put(at + 16, hb);
    put(at + 64, _mm512_sub_epi32(qa, _mm512_slli_epi32(ha, 7)));
    put(at + 80, _mm512_sub_epi32(qb, _mm512_slli_epi32(hb, 7)));
    to.scale[i / 32] = scale;
    to.sum[i / 32] = scale * float(_mm512_reduce_add_epi32(_mm512_add_epi32(qa, qb)));
  }
}

void bf16_dot4(float* y, const uint8_t* w, int64_t rows, const float* scale, const float* zero,
               const NibbleRow& x, int64_t n, int64_t group, float* each) {
  const __m512i nibble = _mm512_set1_epi8(15);
  // of four scales, the one of each lane: groups 0 and 2, or 1 and 3
  const __m512i even = _mm512_set_epi32(2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  const int64_t groups = n / 32, per = group / 32;
  for (int64_t r = 0; r < rows; ++r, w += n / 2, scale += n / group) {
    __m512 offset = _mm512_setzero_ps();
    if (per == 1 && !zero) {
      for (int64_t g = 0; g < nibble_groups(n); g += 16) {
        const __mmask16 mask = g + 16 <= groups ? 0xffff : __mmask16((1u << (groups - g)) - 1);
        const __m512 s = _mm512_maskz_loadu_ps(mask, scale + g);
        _mm512_storeu_ps(each + g, _mm512_mul_ps(s, _mm512_maskz_loadu_ps(mask, x.scale + g)));
        offset = _mm512_fmadd_ps(s, _mm512_maskz_loadu_ps(mask, x.sum + g), offset);
      }
      offset = _mm512_mul_ps(offset, _mm512_set1_ps(-8.f));
    } else {
      float rest = 0;
      for (int64_t g = 0; g < groups; ++g) {
        each[g] = scale[g / per] * x.scale[g];
        rest += x.sum[g] * ((zero ? zero[g / per] : 0.f) - 8.f * scale[g / per]);
      }
      for (int64_t g = groups; g < nibble_groups(n); ++g) each[g] = 0;
      offset = _mm512_maskz_mov_ps(1, _mm512_set1_ps(rest));
      if (zero) zero += n / group;
    }
    __m512 a = offset, b = _mm512_setzero_ps();
    const int8_t* q = x.high_low;
    for (int64_t i = 0; i < n; i += 128, q += 256) {
      _mm_prefetch(reinterpret_cast<const char*>(w + i / 2 + kAhead), _MM_HINT_T1);
      const __m512i v = i + 128 <= n ? _mm512_loadu_si512(w + i / 2)
                                     : _mm512_zextsi256_si512(_mm256_loadu_si256(
                                           reinterpret_cast<const __m256i*>(w + i / 2)));
      const __m512i low = _mm512_and_si512(v, nibble);
      const __m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
      __m512i s = _mm512_dpbusd_epi32(_mm512_setzero_si512(), low, _mm512_loadu_si512(q));
      __m512i t = _mm512_dpbusd_epi32(_mm512_setzero_si512(), high, _mm512_loadu_si512(q + 128));
      s = _mm512_dpbusd_epi32(_mm512_slli_epi32(s, 7), low, _mm512_loadu_si512(q + 64));
      t = _mm512_dpbusd_epi32(_mm512_slli_epi32(t, 7), high, _mm512_loadu_si512(q + 192));
      const __m512 scales = _mm512_broadcast_f32x4(_mm_loadu_ps(each + i / 32));
      a = _mm512_fmadd_ps(_mm512_cvtepi32_ps(s), _mm512_permutevar_ps(scales, even), a);
      b = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t), _mm512_permutevar_ps(scales, odd), b);
    }
    y[r] = _mm512_reduce_add_ps(_mm512_add_ps(a, b));
  }
}

}  // namespace vob

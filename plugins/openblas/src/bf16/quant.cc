// Rows of 4-bit weights times 15-bit integers, by the CPU's dot product of bytes (AVX512_VNNI).
#include <immintrin.h>

#include "kernels.h"

namespace vob {
namespace {

constexpr int64_t kAhead = 4096;  // bytes
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

namespace {

/* Scales and zeros of rows of weights, one each per `per` groups of 32. */
template <class S>
struct Scales {
  const S *scale, *zero;
  int64_t groups, per;
  const int32_t* place;  // which scale is whose

  /* each = scale x.scale for row r; the sum of what zeros, and the 8 that nibbles are too large by,
   * add up to. */
  __m512 prepare(float* each, int64_t r, const NibbleRow& x) const {
    const int64_t first = r * (groups / per);
    __m512 eights = _mm512_setzero_ps(), zeros = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; g += 16) {
      const __mmask16 mask = g + 16 <= groups ? 0xffff : __mmask16((1u << (groups - g)) - 1);
      const __m512 s = of(scale + first, g, mask), sum = _mm512_maskz_loadu_ps(mask, x.sum + g);
      _mm512_storeu_ps(each + g, _mm512_mul_ps(s, _mm512_maskz_loadu_ps(mask, x.scale + g)));
      eights = _mm512_fmadd_ps(s, sum, eights);
      if (zero) zeros = _mm512_fmadd_ps(of(zero + first, g, mask), sum, zeros);
    }
    return _mm512_fnmadd_ps(eights, _mm512_set1_ps(8.f), zeros);
  }

 private:
  static __m512 load(__mmask16 mask, const float* p) { return _mm512_maskz_loadu_ps(mask, p); }
  static __m512 load(__mmask16 mask, const uint16_t* p) {
    const __m256i half = _mm256_maskz_loadu_epi16(mask, p);
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
  }
  __m512 of(const S* values, int64_t g, __mmask16 mask) const {
    if (per == 1) return load(mask, values + g);
    const int64_t base = g / per, left = groups / per - base;
    const __mmask16 some = left >= 16 ? 0xffff : __mmask16((1u << left) - 1);
    const __m512i at =
        _mm512_sub_epi32(_mm512_maskz_loadu_epi32(mask, place + g), _mm512_set1_epi32(int(base)));
    return _mm512_maskz_permutexvar_ps(mask, at, load(some, values + base));
  }
};

/* R rows share what is loaded of x. They are read as if one after the other: their memory is asked
 * for in its order, ahead of time. */
template <int R, class S>
void dot_rows(float* y, const uint8_t* w, const Scales<S>& scales, int64_t row, const NibbleRow& x,
              int64_t n, float* each) {
  const __m512i nibble = _mm512_set1_epi8(15);
  // of four scales, the one of each lane: groups 0 and 2, or 1 and 3
  const __m512i even = _mm512_set_epi32(2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  const int64_t room = nibble_groups(n) + 16;
  w += row * n / 2;
  __m512 acc[R];
  for (int r = 0; r < R; ++r) acc[r] = scales.prepare(each + r * room, row + r, x);
  auto step = [&](__m512& to, __m512i v, const int8_t* q, const float* scale) {
    const __m512i low = _mm512_and_si512(v, nibble);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
    __m512i s = _mm512_dpbusd_epi32(_mm512_setzero_si512(), low, _mm512_loadu_si512(q));
    __m512i t = _mm512_dpbusd_epi32(_mm512_setzero_si512(), high, _mm512_loadu_si512(q + 128));
    s = _mm512_dpbusd_epi32(_mm512_slli_epi32(s, 7), low, _mm512_loadu_si512(q + 64));
    t = _mm512_dpbusd_epi32(_mm512_slli_epi32(t, 7), high, _mm512_loadu_si512(q + 192));
    const __m512 four = _mm512_broadcast_f32x4(_mm_loadu_ps(scale));
    to = _mm512_fmadd_ps(_mm512_cvtepi32_ps(s), _mm512_permutevar_ps(four, even), to);
    to = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t), _mm512_permutevar_ps(four, odd), to);
  };
  const int8_t* q = x.high_low;
  const uint8_t* ahead = w + kAhead;
  int64_t i = 0;
  for (; i + 128 <= n; i += 128, q += 256)
    for (int r = 0; r < R; ++r, ahead += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead), _MM_HINT_T0);
      step(acc[r], _mm512_loadu_si512(w + (r * n + i) / 2), q, each + r * room + i / 32);
    }
  if (i < n)
    for (int r = 0; r < R; ++r) {
      const uint8_t* p = w + (r * n + i) / 2;
      const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
      step(acc[r], _mm512_zextsi256_si512(half), q, each + r * room + i / 32);
    }
  for (int r = 0; r < R; ++r) y[r] = _mm512_reduce_add_ps(acc[r]);
}

template <class S>
void dot(float* y, const IntWeights& w, int64_t rows, const NibbleRow& x, int64_t n,
         float* scratch) {
  int32_t* place = reinterpret_cast<int32_t*>(scratch + kNibbleRows * (nibble_groups(n) + 16));
  const Scales<S> scales{static_cast<const S*>(w.scale), static_cast<const S*>(w.zero), n / 32,
                         w.group / 32, place};
  if (scales.per > 1)
    for (int64_t g = 0; g < scales.groups; ++g) place[g] = int32_t(g / scales.per);
  int64_t r = 0;
  for (; r + kNibbleRows <= rows; r += kNibbleRows)
    dot_rows<kNibbleRows>(y + r, w.w, scales, r, x, n, scratch);
  for (; r < rows; ++r) dot_rows<1>(y + r, w.w, scales, r, x, n, scratch);
}

}  // namespace

void bf16_dot4(float* y, const IntWeights& w, int64_t rows, const NibbleRow& x, int64_t n,
               float* scratch) {
  w.half ? dot<uint16_t>(y, w, rows, x, n, scratch) : dot<float>(y, w, rows, x, n, scratch);
}

}  // namespace vob

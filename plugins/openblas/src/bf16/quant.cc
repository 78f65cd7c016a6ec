// Rows of integer weights times 15-bit integers, by the CPU's dot product of bytes (AVX512_VNNI).
#include <immintrin.h>

#include <cstring>

#include "kernels.h"

namespace vob {
namespace {

constexpr int64_t kAhead = 4096;  // bytes
constexpr int kTop = 127 * 128;   // of a rounded element

inline __m512 widen(const uint16_t* x) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
}

inline __m512i four(const int8_t* p) {
  int bytes;
  std::memcpy(&bytes, p, 4);
  return _mm512_set1_epi32(bytes);
}

}  // namespace

void bf16_byte_row(const ByteRow& to, int bits, const uint16_t* x, int64_t n) {
  const float offset = bits == 8 ? 128.f : 8.f;
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
    auto put = [&](int64_t at, __m512i q, __m512i high) {
      const __m128i h = _mm512_cvtepi32_epi8(high);
      const __m128i l = _mm512_cvtepi32_epi8(_mm512_sub_epi32(q, _mm512_slli_epi32(high, 7)));
      __m128i* p = reinterpret_cast<__m128i*>(to.bytes + 2 * at);
      _mm_storeu_si128(p, _mm_unpacklo_epi64(h, l));
      _mm_storeu_si128(p + 1, _mm_unpackhi_epi64(h, l));
    };
    put(i, qa, ha);
    put(i + 16, qb, hb);
    to.scale[i / 32] = scale;
    const float sum = scale * float(_mm512_reduce_add_epi32(_mm512_add_epi32(qa, qb)));
    to.sum[i / 32] = sum;
    to.less[i / 32] = -offset * sum;
  }
}

namespace {

inline __m512 load(const float* x) { return _mm512_loadu_ps(x); }
inline __m512 load(const uint16_t* x) { return widen(x); }

/* A lane for every row of weights; X rows of x share what is loaded of these. */
template <int X, int kBits, class S>
void dot(float* y, const uint8_t* w, const S* scale, const S* zero, const ByteRow* x, int64_t n,
         int64_t group) {
  const __m512i nibble = _mm512_set1_epi8(15), top = _mm512_set1_epi8(-128);
  __m512 acc[X], shift[X];
  for (int r = 0; r < X; ++r) acc[r] = shift[r] = _mm512_setzero_ps();
  for (int64_t g = 0; g * 32 < n; ++g) {
    __m512i high[X], low[X];
    for (int r = 0; r < X; ++r) high[r] = low[r] = _mm512_setzero_si512();
    for (int i = 0; i < 4; ++i, w += 16 * kBits) {
      // one row times bytes waits for memory alone, and what is asked for as well only delays it
      for (int at = 0; at < 16 * kBits && (X > 1 || kBits == 4); at += 64)
        _mm_prefetch(reinterpret_cast<const char*>(w + kAhead + at), _MM_HINT_T0);
      const __m512i v = _mm512_loadu_si512(w);  // 4 neighbours of each row are in a, 4 in b
      const __m512i a = kBits == 8 ? _mm512_xor_si512(v, top) : _mm512_and_si512(v, nibble);
      const __m512i b = kBits == 8 ? _mm512_xor_si512(_mm512_loadu_si512(w + 64), top)
                                   : _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
      for (int r = 0; r < X; ++r) {
        const int8_t* q = x[r].bytes + 64 * g + 16 * i;
        high[r] = _mm512_dpbusd_epi32(high[r], a, four(q));
        high[r] = _mm512_dpbusd_epi32(high[r], b, four(q + 4));
        low[r] = _mm512_dpbusd_epi32(low[r], a, four(q + 8));
        low[r] = _mm512_dpbusd_epi32(low[r], b, four(q + 12));
      }
    }
    const int64_t at = g * 32 / group * kBlockRows;
    const __m512 s = load(scale + at), z = zero ? load(zero + at) : _mm512_setzero_ps();
    for (int r = 0; r < X; ++r) {
      const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high[r], 7), low[r]);
      const __m512 whole = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(x[r].scale[g]),
                                           _mm512_set1_ps(x[r].less[g]));
      acc[r] = _mm512_fmadd_ps(whole, s, acc[r]);
      if (zero) shift[r] = _mm512_fmadd_ps(_mm512_set1_ps(x[r].sum[g]), z, shift[r]);
    }
  }
  for (int r = 0; r < X; ++r) _mm512_storeu_ps(y + r * kBlockRows, _mm512_add_ps(acc[r], shift[r]));
}

template <int kBits, class S>
void dots(float* y, const IntWeights& block, const ByteRow* x, int64_t rows, int64_t n) {
  const S *scale = static_cast<const S*>(block.scale), *zero = static_cast<const S*>(block.zero);
  constexpr int kMost = 4;
  using Fn = void (*)(float*, const uint8_t*, const S*, const S*, const ByteRow*, int64_t, int64_t);
  static const Fn by_count[kMost] = {dot<1, kBits, S>, dot<2, kBits, S>, dot<3, kBits, S>,
                                     dot<4, kBits, S>};
  for (int64_t r = 0; r < rows; r += kMost) {
    const int64_t some = rows - r < kMost ? rows - r : kMost;
    by_count[some - 1](y + r * kBlockRows, block.w, scale, zero, x + r, n, block.group);
  }
}

}  // namespace

void bf16_dot_ints(float* y, const IntWeights& block, int bits, const ByteRow* x, int64_t rows,
                   int64_t n) {
  if (bits == 8)
    (block.half ? dots<8, uint16_t> : dots<8, float>)(y, block, x, rows, n);
  else
    (block.half ? dots<4, uint16_t> : dots<4, float>)(y, block, x, rows, n);
}

}  // namespace vob

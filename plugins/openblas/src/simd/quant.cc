// Integer weights in groups: dot products in 16-bit multiplications, and their values.
#include "../quant_loops.h"

#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

using F = Vec<float>;
constexpr int L = kLanes<float>;

void quantize(const QuantRow& to, const float* x, int64_t n, int64_t group) {
  for (int64_t g = 0; g * group < n; ++g) {
    const float* p = x + g * group;
    int16_t* q = to.q + g * group;
    int32_t largest = 0;  // magnitudes order as integers do, infinity and NaN above all
    for (int64_t i = 0; i < group; ++i) {
      const int32_t a = bits<int32_t>(p[i]) & 0x7fffffff;
      largest = a > largest ? a : largest;
    }
    const float top = bits<float>(largest);
    const bool usable = top > 1e-30f && largest < 0x7f800000;
    const float scale = top > 1e-30f || largest > 0x7f800000 ? top / 32767.f : 0.f;
    const float inverse = usable ? 32767.f / top : 0.f;
    int32_t total = 0;
    for (int64_t i = 0; i < group; ++i) {
      const int32_t v = usable ? int32_t(__builtin_rintf(p[i] * inverse)) : 1;
      q[i] = int16_t(v);
      total += v;
    }
    to.scale[g] = scale;
    to.sum[g] = float(total) * scale;
  }
}

/* each = scale x.scale; sums gets what `offset` (and zero) times the sums of x add up to. */
inline F prepare(const float* scale, const float* zero, const QuantRow& x, int64_t groups,
                 float offset, float* each) {
  F acc{}, shift{};
  int64_t g = 0;
  for (; g + L <= groups; g += L) {
    const F s = load(scale + g), sum = load(x.sum + g);
    store(each + g, s * load(x.scale + g));
    acc += s * sum;
    if (zero) shift += load(zero + g) * sum;
  }
  float rest = 0;
  for (; g < groups; ++g) {
    each[g] = scale[g] * x.scale[g];
    rest += (scale[g] * offset + (zero ? zero[g] : 0.f)) * x.sum[g];
  }
  acc = acc * offset + shift;
  acc[0] += rest;
  return acc;
}

// 32 products of 16-bit integers as sums of pairs, in the lanes of a vector of int32.
#if defined(__AVX512BW__)
using I = __m512i;
inline I zero_sum() { return _mm512_setzero_si512(); }
inline I add(I a, I b) { return _mm512_add_epi32(a, b); }
inline I dot32(const int8_t* w, const int16_t* x) {
  const I v = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
  return _mm512_madd_epi16(v, _mm512_loadu_si512(x));
}
inline void dot_nibbles(const uint8_t* w, const int16_t* x, I& low, I& high) {
  const I v = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
  low = _mm512_madd_epi16(_mm512_and_si512(v, _mm512_set1_epi16(15)), _mm512_loadu_si512(x));
  high = _mm512_madd_epi16(_mm512_srli_epi16(v, 4), _mm512_loadu_si512(x + 32));
}
inline F to_floats(I v) { return (F)_mm512_cvtepi32_ps(v); }
#elif defined(__AVX2__)
using I = __m256i;
inline I zero_sum() { return _mm256_setzero_si256(); }
inline I add(I a, I b) { return _mm256_add_epi32(a, b); }
inline I at(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline __m128i bytes(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline I dot32(const int8_t* w, const int16_t* x) {
  return add(_mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes(w)), at(x)),
             _mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes(w + 16)), at(x + 16)));
}
inline void dot_nibbles(const uint8_t* w, const int16_t* x, I& low, I& high) {
  const I a = _mm256_cvtepu8_epi16(bytes(w)), b = _mm256_cvtepu8_epi16(bytes(w + 16));
  const I mask = _mm256_set1_epi16(15);
  low = add(_mm256_madd_epi16(_mm256_and_si256(a, mask), at(x)),
            _mm256_madd_epi16(_mm256_and_si256(b, mask), at(x + 16)));
  high = add(_mm256_madd_epi16(_mm256_srli_epi16(a, 4), at(x + 32)),
             _mm256_madd_epi16(_mm256_srli_epi16(b, 4), at(x + 48)));
}
inline F to_floats(I v) { return (F)_mm256_cvtepi32_ps(v); }
#else
using I = Vec<int32_t>;
inline I zero_sum() { return I{}; }
inline I add(I a, I b) { return a + b; }
template <class Weight>
inline I dot_of(Weight weight, const int16_t* x) {
  int32_t lanes[L] = {};
  for (int i = 0; i < 32; ++i) lanes[i % L] += weight(i) * x[i];
  return load(lanes);
}
inline I dot32(const int8_t* w, const int16_t* x) {
  return dot_of([=](int i) { return int32_t(w[i]); }, x);
}
inline void dot_nibbles(const uint8_t* w, const int16_t* x, I& low, I& high) {
  low = dot_of([=](int i) { return int32_t(w[i] & 15); }, x);
  high = dot_of([=](int i) { return int32_t(w[i] >> 4); }, x + 32);
}
inline F to_floats(I v) { return __builtin_convertvector(v, F); }
#endif

constexpr int64_t kAhead = 8192;  // bytes, into the second cache

struct Bytes {
  static constexpr int kBits = 8;
  static constexpr float kOffset = 0;
  static void pair(const uint8_t* w, const int16_t* x, I& low, I& high) {
    __builtin_prefetch(w + kAhead, 0, 2);
    low = dot32(reinterpret_cast<const int8_t*>(w), x);
    high = dot32(reinterpret_cast<const int8_t*>(w) + 32, x + 32);
  }
};
struct Nibbles {
  static constexpr int kBits = 4;
  static constexpr float kOffset = -8;
  static void pair(const uint8_t* w, const int16_t* x, I& low, I& high) {
    __builtin_prefetch(w + kAhead, 0, 2);
    dot_nibbles(w, x, low, high);
  }
};

template <class Weights>
inline float row_of(const uint8_t* w, const float* scale, const float* zero, const QuantRow& x,
                    int64_t n, int64_t group, float* each) {
  constexpr int64_t kStep = 8 * Weights::kBits;  // bytes of 64 weights
  const int16_t* q = x.q;
  F a = prepare(scale, zero, x, n / group, Weights::kOffset, each), b{};
  I low, high;
  if (group == 32) {
    for (int64_t i = 0; i < n; i += 64, w += kStep, each += 2) {
      Weights::pair(w, q + i, low, high);
      a += to_floats(low) * each[0];
      b += to_floats(high) * each[1];
    }
    return lane_sum<float>(a + b);
  }
  for (int64_t g = 0; g < n; g += group) {
    I s = zero_sum(), t = zero_sum();
    for (int64_t i = g; i < g + group; i += 64, w += kStep) {
      Weights::pair(w, q + i, low, high);
      s = add(s, low);
      t = add(t, high);
    }
    a += to_floats(add(s, t)) * *each++;
  }
  return lane_sum<float>(a);
}

/* One row after the other: memory read in several places at a time comes at half the speed. */
template <class Weights>
void dot(float* y, const void* weights, int64_t rows, const float* scale, const float* zero,
         const QuantRow& x, int64_t n, int64_t group, float* each) {
  const uint8_t* w = static_cast<const uint8_t*>(weights);
  const int64_t groups = n / group;
  for (int64_t r = 0; r < rows; ++r, w += n * Weights::kBits / 8, scale += groups) {
    y[r] = row_of<Weights>(w, scale, zero, x, n, group, each);
    if (zero) zero += groups;
  }
}

void widen8(float* to, const void* weights, const float* scale, const float* zero, int64_t n,
            int64_t group) {
  const int8_t* w = static_cast<const int8_t*>(weights);
  for (int64_t i = 0; i < n; i += group) {
    const float s = scale[i / group], z = zero ? zero[i / group] : 0.f;
#pragma GCC ivdep
    for (int64_t j = i; j < i + group; ++j) to[j] = float(w[j]) * s + z;
  }
}
void widen4(float* to, const void* weights, const float* scale, const float* zero, int64_t n,
            int64_t group) {
  const uint8_t* w = static_cast<const uint8_t*>(weights);
  for (int64_t i = 0; i < n; i += 64, w += 32) {
    const int64_t g = i / group, h = (i + 32) / group;
    const float s = scale[g], t = scale[h];
    const float y = zero ? zero[g] : 0.f, z = zero ? zero[h] : 0.f;
#pragma GCC ivdep
    for (int64_t j = 0; j < 32; ++j) {
      to[i + j] = float(int32_t(w[j] & 15) - 8) * s + y;
      to[i + 32 + j] = float(int32_t(w[j] >> 4) - 8) * t + z;
    }
  }
}

}  // namespace

void fill_quant(Simd& s) {
  static const QuantLoops loops{quantize, dot<Bytes>, dot<Nibbles>, widen8, widen4};
  s.quant = &loops;
}

}  // namespace VOB_ISA
}  // namespace vob

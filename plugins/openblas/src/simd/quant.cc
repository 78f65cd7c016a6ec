// Integer weights in groups: dot products in 16-bit multiplications, and their values.
#include "products/quant_loops.h"

#include <cstring>

#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

using F = Vec<float>;
constexpr int L = kLanes<float>;

void quantize(const QuantRow& to, const float* x, int64_t n, int64_t group, bool pairs) {
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
  for (int16_t* q = to.q; pairs && q < to.q + n; q += 8) {
    const int16_t in_pairs[] = {q[0], q[2], q[4], q[6], q[1], q[3], q[5], q[7]};
    std::memcpy(q, in_pairs, sizeof in_pairs);
  }
}

/* each = scale x.scale; gives what the zeros times the sums of x add up to. */
inline F prepare(const float* scale, const float* zero, const QuantRow& x, int64_t groups,
                 float* each) {
  F acc{};
  int64_t g = 0;
  for (; g + L <= groups; g += L) {
    store(each + g, load(scale + g) * load(x.scale + g));
    if (zero) acc += load(zero + g) * load(x.sum + g);
  }
  for (; g < groups; ++g) {
    each[g] = scale[g] * x.scale[g];
    if (zero) acc[0] += zero[g] * x.sum[g];
  }
  return acc;
}

using Ints = Vec<int32_t>;

/* Products of pairs of 16-bit integers, in the lanes of a vector of int32. */
inline Ints products(Ints a, Ints b) {
#if defined(__AVX512BW__)
  return (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Ints)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  return (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
#endif
}
/* Bytes of weights as 16-bit integers, a whole vector of them. */
inline Ints wide(const int8_t* w) {
#if defined(__AVX512BW__)
  return (Ints)_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
#elif defined(__AVX2__)
  return (Ints)_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
#else
  int16_t lanes[2 * L];
  for (int i = 0; i < 2 * L; ++i) lanes[i] = w[i];
  Ints v;
  std::memcpy(&v, lanes, sizeof v);
  return v;
#endif
}
inline Ints dot32(const int8_t* w, const int16_t* x) {
  Ints sum{};
  for (int i = 0; i < 32; i += 2 * L)
    sum += products(wide(w + i), load(reinterpret_cast<const int32_t*>(x + i)));
  return sum;
}
inline F to_floats(Ints v) { return __builtin_convertvector(v, F); }

constexpr int64_t kAhead = 8192;  // bytes, into the second cache

/* One row after the other: memory read in several places at a time comes at half the speed. */
void dot8(float* y, const void* weights, int64_t rows, const float* scale, const float* zero,
          const QuantRow& x, int64_t n, int64_t group, float* each) {
  const int8_t* w = static_cast<const int8_t*>(weights);
  for (int64_t r = 0; r < rows; ++r, scale += n / group, zero += zero ? n / group : 0) {
    F a = prepare(scale, zero, x, n / group, each), b{};
    for (int64_t g = 0, i = 0; i < n; ++g) {
      if (group == 32) {
        __builtin_prefetch(w + kAhead, 0, 2);
        a += to_floats(dot32(w, x.q + i)) * each[g];
        b += to_floats(dot32(w + 32, x.q + i + 32)) * each[++g];
        w += 64, i += 64;
        continue;
      }
      Ints s{}, t{};
      for (int64_t end = i + group; i < end; i += 64, w += 64) {
        __builtin_prefetch(w + kAhead, 0, 2);
        s += dot32(w, x.q + i);
        t += dot32(w + 32, x.q + i + 32);
      }
      a += to_floats(s + t) * each[g];
    }
    y[r] = lane_sum<float>(a + b);
  }
}

/* A lane for every row. */
void dot4(float* y, const uint8_t* w, const float* scale, const float* zero, const QuantRow& x,
          int64_t n, int64_t group) {
  constexpr int kParts = kBlockRows / L;
  const Ints nibbles = splat<int32_t>(0x000f000f);
  F sums[kParts] = {};
  const int16_t* q = x.q;
  for (int64_t g = 0; g < n / group; ++g, scale += kBlockRows) {
    Ints acc[kParts] = {};
    for (int64_t i = 0; i < group; i += 8, q += 8, w += 4 * kBlockRows) {
      __builtin_prefetch(w + kAhead, 0, 2);
      int32_t pair[4];
      std::memcpy(pair, q, sizeof pair);
      for (int p = 0; p < kParts; ++p) {
        const Ints v = (Ints)load(reinterpret_cast<const int32_t*>(w) + p * L);
        acc[p] += products(v & nibbles, splat(pair[0]));
        acc[p] += products((v >> 4) & nibbles, splat(pair[1]));
        acc[p] += products((v >> 8) & nibbles, splat(pair[2]));
        acc[p] += products((v >> 12) & nibbles, splat(pair[3]));
      }
    }
    for (int p = 0; p < kParts; ++p) {
      sums[p] += (to_floats(acc[p]) * x.scale[g] - 8.f * x.sum[g]) * load(scale + p * L);
      if (zero) sums[p] += load(zero + g * kBlockRows + p * L) * x.sum[g];
    }
  }
  for (int p = 0; p < kParts; ++p) store(y + p * L, sums[p]);
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
void widen4(float* to, const uint8_t* w, int64_t row, int64_t rows, const float* scale,
            const float* zero, int64_t n, int64_t group) {
  w += 4 * row;
  for (int64_t i = 0; i < n; i += 8, w += 4 * rows, to += 8) {
    const int64_t at = i / group * rows + row;
    const float s = scale[at], z = (zero ? zero[at] : 0.f) - 8.f * s;
    for (int j = 0; j < 4; ++j) {
      to[j] = float(w[j] & 15) * s + z;
      to[j + 4] = float(w[j] >> 4) * s + z;
    }
  }
}

}  // namespace

void fill_quant(Simd& s) {
  static const QuantLoops loops{quantize, dot8, dot4, widen8, widen4};
  s.quant = &loops;
}

}  // namespace VOB_ISA
}  // namespace vob

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
  for (int16_t* q = to.q; q < to.q + n; q += 8) {
    const int16_t in_pairs[] = {q[0], q[2], q[4], q[6], q[1], q[3], q[5], q[7]};
    std::memcpy(q, in_pairs, sizeof in_pairs);
  }
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
inline F to_floats(Ints v) { return __builtin_convertvector(v, F); }

using Shorts = Vec<int16_t>;
inline Ints even(Ints v) { return (Ints)((Shorts)v << 8 >> 8); }  // bytes 0 and 2 of each lane
inline Ints odd(Ints v) { return (Ints)((Shorts)v >> 8); }

constexpr int64_t kAhead = 8192;  // bytes, into the second cache

/* A lane for every row. */
template <int kBits>
void dot(float* y, const uint8_t* w, const float* scale, const float* zero, const QuantRow& x,
         int64_t n, int64_t group) {
  constexpr int kParts = kBlockRows / L;
  const Ints nibbles = splat<int32_t>(0x000f000f);
  F sums[kParts] = {};
  const int16_t* q = x.q;
  for (int64_t g = 0; g < n / group; ++g, scale += kBlockRows) {
    Ints acc[kParts] = {};
    for (int64_t i = 0; i < group; i += 8, q += 8, w += kBits * kBlockRows) {
      __builtin_prefetch(w + kAhead, 0, 2);
      if (kBits == 8) __builtin_prefetch(w + kAhead + 64, 0, 2);
      int32_t pair[4];
      std::memcpy(pair, q, sizeof pair);
      for (int p = 0; p < kParts; ++p) {
        const int32_t* from = reinterpret_cast<const int32_t*>(w) + p * L;
        const Ints v = (Ints)load(from);
        if constexpr (kBits == 8) {
          const Ints u = (Ints)load(from + kBlockRows);
          acc[p] += products(even(v), splat(pair[0]));
          acc[p] += products(even(u), splat(pair[1]));
          acc[p] += products(odd(v), splat(pair[2]));
          acc[p] += products(odd(u), splat(pair[3]));
        } else {
          acc[p] += products(v & nibbles, splat(pair[0]));
          acc[p] += products((v >> 4) & nibbles, splat(pair[1]));
          acc[p] += products((v >> 8) & nibbles, splat(pair[2]));
          acc[p] += products((v >> 12) & nibbles, splat(pair[3]));
        }
      }
    }
    const float less = kBits == 8 ? 0.f : 8.f * x.sum[g];
    for (int p = 0; p < kParts; ++p) {
      sums[p] += (to_floats(acc[p]) * x.scale[g] - less) * load(scale + p * L);
      if (zero) sums[p] += load(zero + g * kBlockRows + p * L) * x.sum[g];
    }
  }
  for (int p = 0; p < kParts; ++p) store(y + p * L, sums[p]);
}

void widen8(float* to, const uint8_t* w, int64_t row, int64_t rows, const float* scale,
            const float* zero, int64_t n, int64_t group) {
  w += 4 * row;
  for (int64_t i = 0; i < n; i += 4, w += 4 * rows, to += 4) {
    const int64_t at = i / group * rows + row;
    const float s = scale[at], z = zero ? zero[at] : 0.f;
    for (int j = 0; j < 4; ++j) to[j] = float(int8_t(w[j])) * s + z;
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
  static const QuantLoops loops{quantize, dot<8>, dot<4>, widen8, widen4};
  s.quant = &loops;
}

}  // namespace VOB_ISA
}  // namespace vob

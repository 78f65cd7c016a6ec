// What exponentials of bfloat16 numbers are made into, straight from memory and back: the loss's
// softmax, and SwiGLU. 32 numbers are two vectors of float32, the even ones and the odd ones.
#include <immintrin.h>

#include <cmath>
#include <cstring>

#include "kernels.h"

namespace vob {
namespace {

constexpr float kLog2e = 1.4426950408889634f;

inline __mmask32 first(int64_t n) { return n >= 32 ? ~__mmask32(0) : (__mmask32(1) << n) - 1; }

struct Numbers {
  __m512 even, odd;
};
/* The first n of 32, and `fill` for the rest. */
inline Numbers load(const uint16_t* x, int64_t n, short fill = 0) {
  const __m512i w = n >= 32 ? _mm512_loadu_si512(x)
                            : _mm512_mask_loadu_epi16(_mm512_set1_epi16(fill), first(n), x);
  return {(__m512)_mm512_slli_epi32(w, 16),
          (__m512)_mm512_and_si512(w, _mm512_set1_epi32(int(0xffff0000)))};
}
inline void store(uint16_t* y, int64_t n, __m512 even, __m512 odd) {
  alignas(64) static const uint16_t order[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                 21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
  const __m512i w = _mm512_permutexvar_epi16(_mm512_load_si512(order), halves);
  if (n >= 32)
    _mm512_storeu_si512(y, w);
  else
    _mm512_mask_storeu_epi16(y, first(n), w);
}

inline __m512 fma(__m512 a, __m512 b, float c) { return _mm512_fmadd_ps(a, b, _mm512_set1_ps(c)); }

/* 2^x: to 2e-7 of it, or to 3e-6, a thousandth of what bfloat16 rounds off. */
template <bool kFine>
inline __m512 exp2(__m512 x) {
  const __m512 f = _mm512_reduce_ps(x, 9);  // what is above the next lower integer
  __m512 p;
  if (kFine) {
    p = fma(_mm512_set1_ps(0.001867122482508421f), f, 0.00901704840362072f);
    p = fma(p, f, 0.05579989776015282f);
    p = fma(p, f, 0.24016445875167847f);
    p = fma(p, f, 0.6931512951850891f);
  } else {
    p = fma(_mm512_set1_ps(0.013426683843135834f), f, 0.052242472767829895f);
    p = fma(p, f, 0.241280198097229f);
    p = fma(p, f, 0.6930448412895203f);
  }
  return _mm512_scalef_ps(fma(p, f, 1.f), x);
}

/* 1 / (1 + e^-x), 0 below 2^-126. */
inline __m512 sigmoid(__m512 x) {
  const __m512 z = _mm512_mul_ps(x, _mm512_set1_ps(-kLog2e)), most = _mm512_set1_ps(126.f);
  const __m512 d = _mm512_add_ps(exp2<false>(_mm512_min_ps(most, z)), _mm512_set1_ps(1.f));
  const __m512 r = _mm512_rcp14_ps(d), rest = _mm512_fnmadd_ps(d, r, _mm512_set1_ps(2.f));
  return _mm512_maskz_mul_ps(_mm512_cmp_ps_mask(z, most, _CMP_NGE_UQ), r, rest);
}

/* Where the largest is an infinity, or near. */
double log_sum_exp_one_by_one(const uint16_t* x, int64_t n, float top) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = uint32_t(x[i]) << 16;
    float v;
    std::memcpy(&v, &bits, 4);
    if (std::isnan(v)) return double(v);
    sum += std::exp(double(v) - double(top));
  }
  return top == -INFINITY ? double(top) : double(top) + std::log(sum);
}

}  // namespace

double bf16_log_sum_exp(const uint16_t* x, int64_t n) {
  constexpr short kNothing = short(0xff80);  // -inf
  __m512 m0 = _mm512_set1_ps(-INFINITY), m1 = m0;
  for (int64_t i = 0; i < n; i += 32) {
    const Numbers v = load(x + i, n - i, kNothing);
    m0 = _mm512_max_ps(v.even, m0);  // passes NaN over
    m1 = _mm512_max_ps(v.odd, m1);
  }
  const float top = _mm512_reduce_max_ps(_mm512_max_ps(m0, m1));
  if (!(std::abs(top) < kMostBf16Exponent)) return log_sum_exp_one_by_one(x, n, top);
  const float shift = top * kLog2e;
  double sum = 0;
  for (int64_t at = 0; at < n; at += 2048) {
    const int64_t end = n < at + 2048 ? n : at + 2048;
    __m512 s0 = _mm512_setzero_ps(), s1 = s0;
    for (int64_t i = at; i < end; i += 32) {
      const Numbers v = load(x + i, n - i, kNothing);
      s0 = _mm512_add_ps(s0, exp2<true>(fma(v.even, _mm512_set1_ps(kLog2e), -shift)));
      s1 = _mm512_add_ps(s1, exp2<true>(fma(v.odd, _mm512_set1_ps(kLog2e), -shift)));
    }
    sum += double(_mm512_reduce_add_ps(_mm512_add_ps(s0, s1)));
  }
  return (double(shift) + std::log2(sum)) / double(kLog2e);
}

void bf16_scaled_exp(uint16_t* y, const uint16_t* x, double lse, double g, int64_t n) {
  const float shift = float(lse * double(kLog2e));
  const __m512 scale = _mm512_set1_ps(float(g));
  for (int64_t i = 0; i < n; i += 32) {
    const Numbers v = load(x + i, n - i);
    const __m512 even = exp2<false>(fma(v.even, _mm512_set1_ps(kLog2e), -shift));
    const __m512 odd = exp2<false>(fma(v.odd, _mm512_set1_ps(kLog2e), -shift));
    store(y + i, n - i, _mm512_mul_ps(even, scale), _mm512_mul_ps(odd, scale));
  }
}

void bf16_swiglu(uint16_t* y, const uint16_t* gate, const uint16_t* up, int64_t n) {
  const auto one = [](__m512 x, __m512 u) {
    return _mm512_mul_ps(_mm512_mul_ps(x, sigmoid(x)), u);
  };
  for (int64_t i = 0; i < n; i += 32) {
    const Numbers x = load(gate + i, n - i), u = load(up + i, n - i);
    store(y + i, n - i, one(x.even, u.even), one(x.odd, u.odd));
  }
}

void bf16_swiglu_backward(uint16_t* dgate, uint16_t* dup, const uint16_t* g, const uint16_t* gate,
                          const uint16_t* up, int64_t n) {
  const auto one = [](__m512 d, __m512 x, __m512 u, __m512& to_gate) {
    const __m512 s = sigmoid(x), xs = _mm512_mul_ps(x, s);
    const __m512 slope = _mm512_fmadd_ps(xs, _mm512_sub_ps(_mm512_set1_ps(1.f), s), s);
    to_gate = _mm512_mul_ps(_mm512_mul_ps(d, u), slope);
    return _mm512_mul_ps(d, xs);
  };
  for (int64_t i = 0; i < n; i += 32) {
    const Numbers d = load(g + i, n - i), x = load(gate + i, n - i), u = load(up + i, n - i);
    Numbers a, b;
    b.even = one(d.even, x.even, u.even, a.even);
    b.odd = one(d.odd, x.odd, u.odd, a.odd);
    store(dgate + i, n - i, a.even, a.odd);
    store(dup + i, n - i, b.even, b.odd);
  }
}

}  // namespace vob

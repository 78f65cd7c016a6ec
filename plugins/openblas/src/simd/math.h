// Elementary functions on scalars, free of branches and calls, so that loops over them vectorise.
// Polynomials are minimax fits of our own on the reduced range; float32 errors stay below 2-3 ulp,
// and infinities, NaN, overflow and gradual underflow come out as IEEE has them.
#ifndef VIDYA_OPENBLAS_SIMD_MATH_H
#define VIDYA_OPENBLAS_SIMD_MATH_H

#include "vec.h"

namespace vob {
namespace VOB_ISA {
namespace m {

constexpr float kInf = __builtin_inff();

// Adding 1.5 * 2^23 puts the nearest integer (to even) into the low bits of the mantissa.
constexpr float kRound32 = 12582912.f;
constexpr double kRound64 = 6755399441055744.0;

/* p * 2^n for n in [-300, 254], in two steps so that results may be subnormal. */
static inline float scale(float p, int32_t n) {
  int32_t half = n >> 1;
  return p * bits<float>((half + 127) << 23) * bits<float>((n - half + 127) << 23);
}
static inline double scale(double p, int64_t n) {
  int64_t half = n >> 1;
  return p * bits<double>((half + 1023) << 52) * bits<double>((n - half + 1023) << 52);
}

/* e^r - 1 - r over r^2, for |r| <= ln 2 / 2. */
static inline float exp_tail(float r) {
  float p = 1.3951717e-03f;
  p = p * r + 8.369599e-03f;
  p = p * r + 4.1666187e-02f;
  p = p * r + 1.6666512e-01f;
  return p * r + 0.5f;
}
static inline double exp_tail(double r) {
  double p = -1.2714581907847261e-08;
  p = p * r + 2.212428853369368e-08;
  p = p * r + 2.808554829111328e-07;
  p = p * r + 2.756588501081681e-06;
  p = p * r + 2.4800864264722228e-05;
  p = p * r + 0.00019841261153335493;
  p = p * r + 0.0013888889361566353;
  p = p * r + 0.008333333336911932;
  p = p * r + 0.041666666665202544;
  p = p * r + 0.1666666666666191;
  return p * r + 0.5000000000000172;
}

/* x = n ln 2 + r.  x must be clamped; a NaN passes through to r. */
static inline float reduce_ln2(float x, int32_t& n) {
  float z = x * 1.44269504f + kRound32;
  n = bits<int32_t>(z) - bits<int32_t>(kRound32);
  z -= kRound32;
  float r = x - z * 0.693359375f;
  return r + z * 2.12194440e-4f;
}
static inline double reduce_ln2(double x, int64_t& n) {
  double z = x * 1.4426950408889634 + kRound64;
  n = bits<int64_t>(z) - bits<int64_t>(kRound64);
  z -= kRound64;
  double r = x - z * 6.93145751953125e-1;
  return r - z * 1.42860682030941723212e-6;
}

static inline float exp(float x) {
  x = x > 89.f ? 89.f : x;  // written so that NaN stays
  x = x < -104.f ? -104.f : x;
  int32_t n;
  float r = reduce_ln2(x, n);
  return scale(r * r * exp_tail(r) + r + 1.f, n);
}
static inline double exp(double x) {
  x = x > 710. ? 710. : x;
  x = x < -746. ? -746. : x;
  int64_t n;
  double r = reduce_ln2(x, n);
  return scale(r * r * exp_tail(r) + r + 1., n);
}

/* For x <= 0, as in softmax: no overflow, below 2^-124 the result is 0, and NaN gives anything. */
static inline float exp_nonpositive(float x) {
  float z = x * 1.44269504f + kRound32;
  uint32_t n = bits<uint32_t>(z) << 23;  // straight into the exponent
  z -= kRound32;
  float r = x - z * 0.693359375f;
  r += z * 2.12194440e-4f;
  float y = bits<float>(bits<uint32_t>(r * r * exp_tail(r) + r + 1.f) + n);
  return x < -86.f ? 0.f : y;
}
static inline double exp_nonpositive(double x) { return exp(x); }

static inline float exp2(float x) {
  x = x > 129.f ? 129.f : x;
  x = x < -151.f ? -151.f : x;
  float z = x + kRound32;
  int32_t n = bits<int32_t>(z) - bits<int32_t>(kRound32);
  float f = x - (z - kRound32);  // exact
  float r = f * 0.69314718f;
  float low = f * -1.9046542e-9f;  // the rest of ln 2
  return scale(r * r * exp_tail(r) + low + r + 1.f, n);
}

static inline float expm1(float x) {
  x = x > 89.f ? 89.f : x;
  x = x < -20.f ? -20.f : x;
  int32_t n;
  float r = reduce_ln2(x, n);
  float p = 1.9845957e-04f;
  p = p * r + 1.3941653e-03f;
  p = p * r + 8.3333915e-03f;
  p = p * r + 4.1666348e-02f;
  p = p * r + 1.6666666e-01f;
  p = p * r + 0.5f;
  p = p * r * r + r;
  // 2^n p + (2^n - 1), at half size so that 2^128 is no obstacle
  float s = bits<float>((n - 1 + 127) << 23);
  return (s * p + (s - 0.5f)) * 2.f;
}

/* m in [sqrt(1/2), sqrt(2)) minus 1, and the exponent. */
static inline float split(float x, float& e) {
  bool tiny = x < 1.17549435e-38f;
  x = tiny ? x * 8388608.f : x;
  int32_t u = bits<int32_t>(x) - 0x3f3504f3;
  e = float(u >> 23) - (tiny ? 23.f : 0.f);
  return bits<float>((u & 0x7fffff) + 0x3f3504f3) - 1.f;
}
/* (log(1 + f) - f + f^2 / 2) / f^3 */
static inline float log_tail(float f) {
  float p = 6.746601e-02f;
  p = p * f + -1.1675641e-01f;
  p = p * f + 1.1888175e-01f;
  p = p * f + -1.24055915e-01f;
  p = p * f + 1.4219551e-01f;
  p = p * f + -1.6667996e-01f;
  p = p * f + 2.0002119e-01f;
  p = p * f + -2.500001e-01f;
  return p * f + 3.3333313e-01f;
}
/* What log has at 0, at infinity and NaN, and below 0. */
static inline float log_edges(float x, float y) {
  y = x < kInf ? y : x;  // +inf, NaN
  y = x == 0.f ? -kInf : y;
  return x < 0.f ? __builtin_nanf("") : y;
}
static inline float log_finite(float x) {
  float e, f = split(x, e), f2 = f * f;
  float y = f2 * f * log_tail(f) + e * -2.12194440e-4f;
  y += -0.5f * f2;
  return (f + y) + e * 0.693359375f;
}
static inline float log(float x) { return log_edges(x, log_finite(x)); }
static inline float log_scaled(float x, float hi, float lo, float unit) {
  // log(m) * (hi + lo) + e * unit, hi short enough that f * hi loses little
  float e, f = split(x, e), f2 = f * f;
  float y = f2 * f * log_tail(f) - 0.5f * f2;
  return log_edges(x, ((y * lo + f * lo) + y * hi + f * hi) + e * unit);
}
static inline float log2(float x) { return log_scaled(x, 1.4426950f, 1.9259629e-8f, 1.f); }
static inline float log10(float x) {
  return log_scaled(x, 0.43429448f, 1.0108000e-8f, 0.30102999566f);
}
static inline float log1p(float x) {
  float u = 1.f + x, c = x - (u - 1.f);  // log(1 + x) = log(u) + c / u
  float y = log_finite(u) + c / u;
  y = x < kInf ? y : x;
  y = u == 0.f ? -kInf : y;
  y = x < -1.f ? __builtin_nanf("") : y;
  return x == 0.f ? x : y;
}

/* log(1 + t) for t in [0, 1]: 2 atanh(t / (2 + t)). */
static inline float log1p_unit(float t) {
  float s = t / (2.f + t), z = s * s;
  float p = 0.28024262f;
  p = p * z + 0.27999179f;
  p = p * z + 0.40021697f;
  p = p * z + 0.66666413f;
  return p * z * s + 2.f * s;
}

static inline float tanh(float x) {
  float a = x < 0.f ? -x : x;
  a = a > 10.f ? 10.f : a;
  float e = expm1(2.f * a);
  float t = e / (e + 2.f);
  uint32_t sign = bits<uint32_t>(x) & 0x80000000u;
  return bits<float>(bits<uint32_t>(t) | sign);
}

/* Up to here the reduction in double is good; sincos gives sin (quadrant 0) or cos (1). */
constexpr float kTrigLimit = 268435456.f;
/* sin and cos of the part of x beyond the nearest multiple of a right angle, whose number is
 * given back. */
static inline int64_t turn(float x, double& s, double& c) {
  double n = double(x) * 0.63661977236758134 + kRound64;
  int64_t q = bits<int64_t>(n);
  n -= kRound64;
  double r = double(x) - n * 1.5707963267948966;
  r -= n * 6.123233995736766e-17;
  double z = r * r;
  s = 2.7182371897685246e-06;
  s = s * z + -0.0001983932712540139;
  s = s * z + 0.008333329362235685;
  s = s * z + -0.16666666641425987;
  s = s * z * r + r;
  c = -2.7209546685166984e-07;
  c = c * z + 2.4799511747920886e-05;
  c = c * z + -0.0013888883722547982;
  c = c * z + 0.04166666662247593;
  c = c * z * z + (1.0 - 0.5 * z);
  return q;
}
static inline float sincos(float x, int quadrant) {
  double s, c;
  int64_t q = turn(x, s, c) + quadrant;
  double y = (q & 1) ? c : s;
  return float((q & 2) ? -y : y);
}
static inline float tan(float x) {
  double s, c;
  const bool odd = turn(x, s, c) & 1;
  return float((odd ? -c : s) / (odd ? s : c));
}

static inline float erf(float x) {
  float a = x < 0.f ? -x : x, z = x * x;
  float p = 8.382388e-05f;
  p = p * z + -8.145597e-04f;
  p = p * z + 5.201286e-03f;
  p = p * z + -2.68595e-02f;
  p = p * z + 1.1283697e-01f;
  p = p * z + -3.7612635e-01f;
  p = p * z + 1.1283792e+00f;
  a = a > 3.95f ? 3.95f : a;
  float q = 2.1095053e-05f;  // -log(erfc(a))
  q = q * a + -4.3446265e-04f;
  q = q * a + 4.171063e-03f;
  q = q * a + -2.5119428e-02f;
  q = q * a + 1.0828009e-01f;
  q = q * a + 6.333469e-01f;
  q = q * a + 1.1295149e+00f;
  q = q * a + -1.7468446e-04f;
  float large = 1.f - exp_nonpositive(-q);
  large = bits<float>(bits<uint32_t>(large) | (bits<uint32_t>(x) & 0x80000000u));
  return a >= 0.92f ? large : x * p;  // NaN too goes right
}

/* erfc(a) for a >= 0, to 6e-8 absolute: one exponential, no division.  NaN gives anything. */
static inline float erfc_positive(float a) {
  float q = 3.3899263e-07f;  // -log(erfc(a)) / a
  q = q * a + -8.21774e-06f;
  q = q * a + 8.382775e-05f;
  q = q * a + -4.5447284e-04f;
  q = q * a + 1.2285823e-03f;
  q = q * a + 4.2135673e-04f;
  q = q * a + -1.957834e-02f;
  q = q * a + 1.0294105e-01f;
  q = q * a + 6.3659066e-01f;
  q = q * a + 1.1283808e+00f;
  return exp_nonpositive(-a * q);
}
static inline double erfc_positive(double a) { return __builtin_erfc(a); }

// float64 takes libm where a vector version would not pay.
static inline double expm1(double x) { return __builtin_expm1(x); }
static inline double exp2(double x) { return __builtin_exp2(x); }
static inline double log(double x) { return __builtin_log(x); }
static inline double log2(double x) { return __builtin_log2(x); }
static inline double log10(double x) { return __builtin_log10(x); }
static inline double log1p(double x) { return __builtin_log1p(x); }
static inline double log1p_unit(double t) { return __builtin_log1p(t); }
static inline double tanh(double x) { return __builtin_tanh(x); }
static inline double erf(double x) { return __builtin_erf(x); }

}  // namespace m
}  // namespace VOB_ISA
}  // namespace vob

#endif

// Element-wise loops of float32, float64 and bfloat16.
#include "parts.h"

#include "math.h"

namespace vob {
namespace VOB_ISA {
namespace {

// Iterations are independent even when out is an input, which the compiler cannot know.
#define VOB_EACH _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i)

/* What a loop computes in: bfloat16 is read as float32 and rounded once. */
struct Bf16 {
  uint16_t bits;
};
template <class E>
struct In {
  using type = E;
};
template <>
struct In<Bf16> {
  using type = float;
};
inline float value(float x) { return x; }
inline double value(double x) { return x; }
inline float value(Bf16 x) { return bits<float>(uint32_t(x.bits) << 16); }
inline void put(float& y, float x) { y = x; }
inline void put(double& y, double x) { y = x; }
inline void put(Bf16& y, float x) {
  uint32_t u = bits<uint32_t>(x);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
  y.bits = uint16_t((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40 : rounded);
}

#define UNARY(name, expression)                                \
  template <class E>                                           \
  void u_##name(void* out, const void* const* in, int64_t n) { \
    using T = typename In<E>::type;                            \
    E* y = static_cast<E*>(out);                               \
    const E* p = static_cast<const E*>(in[0]);                 \
    VOB_EACH {                                                 \
      T x = value(p[i]);                                       \
      put(y[i], expression);                                   \
    }                                                          \
  }
/* What changes nothing but a sign needs no rounding. */
template <uint16_t Kept, uint16_t Turned>
void sign_bit(void* out, const void* const* in, int64_t n) {
  uint16_t* y = static_cast<uint16_t*>(out);
  const uint16_t* p = static_cast<const uint16_t*>(in[0]);
  VOB_EACH y[i] = (p[i] & Kept) ^ Turned;
}
#define BINARY(name, expression)                               \
  template <class E>                                           \
  void b_##name(void* out, const void* const* in, int64_t n) { \
    using T = typename In<E>::type;                            \
    E* y = static_cast<E*>(out);                               \
    const E* p = static_cast<const E*>(in[0]);                 \
    const E* q = static_cast<const E*>(in[1]);                 \
    VOB_EACH {                                                 \
      T a = value(p[i]), b = value(q[i]);                      \
      put(y[i], expression);                                   \
    }                                                          \
  }
#define COMPARE(name, op)                                      \
  template <class T>                                           \
  void c_##name(void* out, const void* const* in, int64_t n) { \
    uint8_t* y = static_cast<uint8_t*>(out);                   \
    const T* p = static_cast<const T*>(in[0]);                 \
    const T* q = static_cast<const T*>(in[1]);                 \
    VOB_EACH y[i] = p[i] op q[i];                              \
  }

inline float trig(float x, int quadrant) { return m::sincos(x, quadrant); }

float floor_of(float x) { return __builtin_floorf(x); }
double floor_of(double x) { return __builtin_floor(x); }
float ceil_of(float x) { return __builtin_ceilf(x); }
double ceil_of(double x) { return __builtin_ceil(x); }
float rint_of(float x) { return __builtin_rintf(x); }
double rint_of(double x) { return __builtin_rint(x); }
float trunc_of(float x) { return __builtin_truncf(x); }
double trunc_of(double x) { return __builtin_trunc(x); }
float sqrt_of(float x) { return __builtin_sqrtf(x); }
double sqrt_of(double x) { return __builtin_sqrt(x); }
float abs_of(float x) { return __builtin_fabsf(x); }
double abs_of(double x) { return __builtin_fabs(x); }

template <class T>
inline T sigmoid(T x) {
  return T(1) / (T(1) + m::exp(-x));
}
/* (1 + erf(x / sqrt(2))) / 2. */
template <class T>
inline T normal_cdf(T x) {
  T half = T(0.5) * m::erfc_positive(abs_of(x) * T(0.70710678118654752));
  return x < T(0) ? half : T(1) - half;
}
/* The same as near as bfloat16 needs it, 2e-4 of the value: log2 of the smaller side as a
 * polynomial, and that power of 2. */
inline float rough_normal_cdf(float x) {
  float a = abs_of(x);
  a = a < 13.3f ? a : 13.3f;
  float z = 2.64687155e-08f;
  z = z * a + -1.69721598e-06f;
  z = z * a + 4.68761740e-05f;
  z = z * a + -7.36594685e-04f;
  z = z * a + 7.37754763e-03f;
  z = z * a + -5.06777601e-02f;
  z = z * a + -4.62962289e-01f;
  z = z * a + -1.14894042e+00f;
  z = z * a + -1.00019239e+00f;
  const float whole = z + m::kRound32;
  const float f = z - (whole - m::kRound32);
  float p = 5.517138e-02f;
  p = p * f + 2.4261121e-01f;
  p = p * f + 6.9326103e-01f;
  p = p * f + 9.9992807e-01f;
  p = bits<float>(bits<uint32_t>(p) + (bits<uint32_t>(whole) << 23));
  p = z < -124.f ? 0.f : p;
  return x < 0.f ? p : 1.f - p;
}
/* exp of a negative number only, so that small results fade out instead of dropping to 0. */
template <class T>
inline T silu(T x) {
  T t = m::exp(-abs_of(x));
  return x * (x < T(0) ? t : T(1)) / (T(1) + t);
}
// gelu "tanh": 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
template <class T>
inline T gelu_u2(T x) {
  return T(1.5957691216057308) * x * (T(1) + T(0.044715) * x * x);
}

UNARY(neg, -x)
UNARY(abs, abs_of(x))
UNARY(sign, x > T(0) ? T(1) : x < T(0) ? T(-1) : x)
UNARY(floor, floor_of(x))
UNARY(ceil, ceil_of(x))
UNARY(round, rint_of(x))
UNARY(trunc, trunc_of(x))
UNARY(sqrt, sqrt_of(x))
UNARY(exp, m::exp(x))
UNARY(expm1, m::expm1(x))
UNARY(log, m::log(x))
UNARY(log1p, m::log1p(x))
UNARY(tanh, m::tanh(x))
UNARY(erf, m::erf(x))
UNARY(relu, x < T(0) ? T(0) : x)
UNARY(sigmoid, sigmoid(x))
UNARY(silu, silu(x))
UNARY(gelu, x* normal_cdf(x))
UNARY(rough_gelu, x* rough_normal_cdf(x))
UNARY(gelu_tanh, x / (T(1) + m::exp(-gelu_u2(x))))
UNARY(rsqrt, T(1) / sqrt_of(x))
UNARY(reciprocal, T(1) / x)
UNARY(square, x* x)
UNARY(exp2, m::exp2(x))
UNARY(log2, m::log2(x))
UNARY(log10, m::log10(x))

// sin and cos: the vector loop is right up to kTrigLimit; the rare rest is done again by libm.
template <int Quadrant>
void trig32(void* out, const void* const* in, int64_t n) {
  float* y = static_cast<float*>(out);
  const float* p = static_cast<const float*>(in[0]);
  constexpr int64_t kBlock = 512;
  float x[kBlock];
  for (int64_t at = 0; at < n; at += kBlock) {
    int64_t count = n - at < kBlock ? n - at : kBlock;
    int large = 0;
    for (int64_t i = 0; i < count; ++i) {
      x[i] = p[at + i];
      large |= !(abs_of(x[i]) < m::kTrigLimit);
    }
    for (int64_t i = 0; i < count; ++i) y[at + i] = trig(x[i], Quadrant);
    if (!large) continue;
    for (int64_t i = 0; i < count; ++i)
      if (!(abs_of(x[i]) < m::kTrigLimit))
        y[at + i] = Quadrant ? __builtin_cosf(x[i]) : __builtin_sinf(x[i]);
  }
}
void sin64(void* out, const void* const* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<double*>(out)[i] = __builtin_sin(static_cast<const double*>(in[0])[i]);
}
void cos64(void* out, const void* const* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<double*>(out)[i] = __builtin_cos(static_cast<const double*>(in[0])[i]);
}

void pow64(void* out, const void* const* in, int64_t n) {
  double* y = static_cast<double*>(out);
  const double *p = static_cast<const double*>(in[0]), *q = static_cast<const double*>(in[1]);
  for (int64_t i = 0; i < n; ++i) y[i] = q[i] == 2 ? p[i] * p[i] : __builtin_pow(p[i], q[i]);
}
void fmod64(void* out, const void* const* in, int64_t n) {
  double* y = static_cast<double*>(out);
  const double *p = static_cast<const double*>(in[0]), *q = static_cast<const double*>(in[1]);
  for (int64_t i = 0; i < n; ++i) y[i] = __builtin_fmod(p[i], q[i]);
}

BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a* b)
BINARY(div, a / b)
BINARY(maximum, a > b || a != a ? a : b)
BINARY(minimum, a < b || a != a ? a : b)
BINARY(relu_backward, b > T(0) ? a : T(0))
BINARY(sigmoid_backward, a * b * (T(1) - b))
BINARY(tanh_backward, a*(T(1) - b * b))

template <class T>
inline T silu_slope(T x) {
  T s = sigmoid(x);
  return s * (T(1) + x * (T(1) - s));
}
// Phi(x) + x phi(x)
template <class T>
inline T gelu_slope(T x) {
  return normal_cdf(x) + x * T(0.39894228040143268) * m::exp(T(-0.5) * x * x);
}
template <class T>
inline T gelu_tanh_slope(T x) {
  T s = sigmoid(gelu_u2(x));
  T du = T(1.5957691216057308) * (T(1) + T(0.134145) * x * x);
  return s + x * s * (T(1) - s) * du;
}
BINARY(silu_backward, a* silu_slope(b))
BINARY(gelu_backward, a* gelu_slope(b))
BINARY(gelu_tanh_backward, a* gelu_tanh_slope(b))

COMPARE(eq, ==)
COMPARE(ne, !=)
COMPARE(lt, <)
COMPARE(le, <=)
COMPARE(gt, >)
COMPARE(ge, >=)

}  // namespace

void fill_elementwise(Simd& s) {
#define SET(name) \
  s.unary[kF32][k_##name] = u_##name<float>, s.unary[kF64][k_##name] = u_##name<double>;
  // clang-format off
  SET(neg) SET(abs) SET(sign) SET(floor) SET(ceil) SET(round) SET(trunc) SET(sqrt) SET(exp)
  SET(expm1) SET(log) SET(log1p) SET(tanh) SET(erf) SET(relu) SET(sigmoid) SET(silu) SET(gelu)
  SET(gelu_tanh) SET(rsqrt) SET(reciprocal) SET(square) SET(exp2) SET(log2) SET(log10)
#undef SET
  // those that are done before a block of float32 would be made
#define SET(name) s.unary[kBF16][k_##name] = u_##name<Bf16>;
  SET(sign) SET(floor) SET(ceil) SET(round) SET(trunc) SET(relu) SET(square)
  SET(sqrt) SET(reciprocal)
  // clang-format on
#undef SET
                      s.unary[kF32][k_sin] = trig32<0>,
                      s.unary[kF32][k_cos] = trig32<1>;
  s.unary[kBF16][k_neg] = sign_bit<0xffff, 0x8000>;
  s.unary[kBF16][k_abs] = sign_bit<0x7fff, 0>;
  s.rough_gelu = u_rough_gelu<float>;
  s.unary[kF64][k_sin] = sin64, s.unary[kF64][k_cos] = cos64;
#define SET(name) \
  s.binary[kF32][k_##name] = b_##name<float>, s.binary[kF64][k_##name] = b_##name<double>;
  // clang-format off
  SET(add) SET(sub) SET(mul) SET(div) SET(maximum) SET(minimum) SET(relu_backward)
  SET(sigmoid_backward) SET(tanh_backward) SET(silu_backward) SET(gelu_backward)
  SET(gelu_tanh_backward)
#undef SET
#define SET(name) s.binary[kBF16][k_##name] = b_##name<Bf16>;
  SET(add) SET(sub) SET(mul) SET(div) SET(maximum) SET(minimum) SET(relu_backward)
  // clang-format on
#undef SET
              s.binary[kF64][k_pow] = pow64,
              s.binary[kF64][k_fmod] = fmod64;
#define SET(name) \
  s.compare[kF32][k_##name] = c_##name<float>, s.compare[kF64][k_##name] = c_##name<double>;
  VOB_COMPARE_OPS(SET)
#undef SET
}

}  // namespace VOB_ISA
}  // namespace vob

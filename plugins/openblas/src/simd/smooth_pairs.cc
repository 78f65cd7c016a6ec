// Functions of two float32: angle, remainders, power, length, the sum of exponentials.
#include "smooth.h"

namespace vob {
namespace VOB_ISA {
namespace {

/* The angle of (b, a), both >= 0, in [0, pi / 2]. */
inline double angle(double a, double b) {
  const bool steep = a > b;
  double low = steep ? b : a, high = steep ? a : b;
  const bool mid = (low > 0.41421356237309503 * high) | (low == kEndless);
  double r = (mid ? low - high : low) / (mid ? low + high : high);
  r = high == 0 ? 0 : r;
  r = low == kEndless ? 0 : r;  // as if equal
  double y = (mid ? kPi / 4 : 0) + atan_near(r);
  return steep ? kPi / 2 - y : y;
}
inline double atan2_of(double y, double x) {
  double a = angle(magnitude(y), magnitude(x));
  a = bits<int64_t>(x) < 0 ? kPi - a : a;
  double r = with_sign(a, y);
  return (x == x) & (y == y) ? r : kNan;
}
inline double hypot_of(double a, double b) {
  double y = __builtin_sqrt(a * a + b * b);
  return magnitude(a) == kEndless || magnitude(b) == kEndless ? kEndless : y;
}
/* In float32, as what is added to the larger one is at most log 2. */
inline float logaddexp_of(float a, float b) {
  float high = a > b ? a : b, low = a > b ? b : a;
  float y = high + m::log1p_unit(m::exp_nonpositive(low - high));
  y = a == b ? a + 0.693147181f : y;
  y = high == m::kInf ? high : y;
  return (a == a) & (b == b) ? y : __builtin_nanf("");
}
void b_logaddexp(void* out, const void* const* in, int64_t n) {
  float* y = static_cast<float*>(out);
  const float *p = static_cast<const float*>(in[0]), *q = static_cast<const float*>(in[1]);
  VOB_EACH y[i] = logaddexp_of(p[i], q[i]);
}

/* Exact: the quotient has less than 2^29 and the product fits 53 bits. */
inline double fmod_of(double a, double b) {
  double x = magnitude(a), y = magnitude(b);
  double r = x - __builtin_trunc(x / y) * y;
  r = r < 0 ? r + y : r;
  r = r >= y ? r - y : r;
  return with_sign(r, a);
}
inline int far_apart(float a, float b) {
  float x = __builtin_fabsf(a), y = __builtin_fabsf(b);
  return !(y < m::kInf) | !(double(x) < double(y) * 268435456.0);
}
void b_fmod(void* out, const void* const* in, int64_t n) {
  repaired(
      out, in, n, [](float a, float b) { return float(fmod_of(a, b)); }, far_apart,
      [](float a, float b) { return __builtin_fmodf(a, b); });
}
void b_remainder(void* out, const void* const* in, int64_t n) {
  auto turned = [](double r, double b) { return r != 0 && (r < 0) != (b < 0) ? r + b : r; };
  repaired(
      out, in, n, [=](float a, float b) { return float(turned(fmod_of(a, b), b)); }, far_apart,
      [=](float a, float b) {
        float r = __builtin_fmodf(a, b);
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
      });
}

/* |a|^b in float64; the sign of an odd whole power of a negative number, NaN of others. */
inline float pow_of(float a, float b) {
  double whole = __builtin_rint(double(b));
  const bool odd = whole - 2 * __builtin_trunc(whole * 0.5) != 0;
  double y = m::exp(double(b) * log64(magnitude(double(a))));
  y = a < 0 && odd ? -y : y;
  return float(a < 0 && whole != b ? kNan : y);
}
void b_pow(void* out, const void* const* in, int64_t n) {
  if (n <= 0) return;
  float* y = static_cast<float*>(out);
  const float *p = static_cast<const float*>(in[0]), *q = static_cast<const float*>(in[1]);
  const float b = q[0];
  int differ = 0;  // exponents are mostly one small number for all
  for (int64_t i = 0; i < n; ++i) differ |= !(q[i] == b);
  if (!differ && b == 2) {
    VOB_EACH y[i] = p[i] * p[i];
  } else if (!differ && b == 3) {
    VOB_EACH y[i] = p[i] * p[i] * p[i];
  } else if (!differ && b == -1) {
    VOB_EACH y[i] = 1 / p[i];
  } else if (!differ && b == 0.5f) {  // -0 gives 0, and -inf gives inf
    VOB_EACH {
      float x = p[i];
      y[i] = x == -m::kInf ? m::kInf : __builtin_sqrtf(x) + 0.f;
    }
  } else {
    repaired(
        out, in, n, pow_of,
        [](float x, float e) {
          return int(x == 0) | int(x == 1) | int(!(__builtin_fabsf(x) < m::kInf)) |
                 int(!(__builtin_fabsf(e) < 1e6f));
        },
        [](float x, float e) { return __builtin_powf(x, e); });
  }
}

VOB_TWO(atan2)
VOB_TWO(hypot)

}  // namespace

void fill_pairs(Simd& s) {
  // clang-format off
#define SET(name) s.binary[kF32][k_##name] = b_##name;
  SET(atan2) SET(fmod) SET(remainder) SET(pow) SET(hypot) SET(logaddexp)
#undef SET
  // clang-format on
}

}  // namespace VOB_ISA
}  // namespace vob

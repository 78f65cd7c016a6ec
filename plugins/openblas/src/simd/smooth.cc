// Functions of one float32 whose formulas cancel: angles, the hyperbolic ones, the error function.
#include "smooth.h"

namespace vob {
namespace VOB_ISA {
namespace {

inline double atan_of(double x) {
  double a = magnitude(x);
  const bool mid = a > 0.41421356237309503, steep = a > 2.414213562373095;
  double above = mid ? a - 1 : a, below = mid ? a + 1 : 1;
  double base = mid ? kPi / 4 : 0;
  above = steep ? -1 : above;
  below = steep ? a : below;
  base = steep ? kPi / 2 : base;
  double y = with_sign(base + atan_near(above / below), x);
  return x == x ? y : x;
}
/* asin for 0 <= |x| <= 1/2, or where x is beyond that, half of what is missing to a right angle. */
inline double asin_part(double x, bool far) {
  static const double c[] = {0.03317287128656712,  0.001701835568482763, 0.020767530537947162,
                             0.021837651991021622, 0.030430220777832105, 0.044640432207850876,
                             0.07500006065463218,  0.16666666608460845,  1.0000000000009182};
  double a = magnitude(x), z = far ? (1 - a) * 0.5 : a * a;
  double r = far ? __builtin_sqrt(z) : a;
  return r * horner(c, z);
}
inline double asin_of(double x) {
  const bool far = magnitude(x) > 0.5;
  double p = asin_part(x, far);
  return with_sign(far ? kPi / 2 - 2 * p : p, x);
}
/* Near 1 the missing angle itself, so that nothing cancels. */
inline double acos_of(double x) {
  const bool far = magnitude(x) > 0.5;
  double p = asin_part(x, far);
  double beyond = x > 0 ? 2 * p : kPi - 2 * p;
  return far ? beyond : kPi / 2 - with_sign(p, x);
}
inline double sinh_of(double x) {
  double e = m::exp(x), z = x * x;
  double near = x * (1 + z * (1. / 6 + z * (1. / 120 + z * (1. / 5040))));
  return magnitude(x) < 0.25 ? near : 0.5 * (e - 1 / e);
}
inline double cosh_of(double x) {
  double e = m::exp(x);
  return 0.5 * (e + 1 / e);
}
inline double asinh_of(double x) {
  double a = magnitude(x), z = x * x;
  double near = x * (1 - z * (1. / 6 - z * (3. / 40 - z * (15. / 336))));
  return a < 0.0625 ? near : with_sign(log64(a + __builtin_sqrt(z + 1)), x);
}
inline double acosh_of(double x) {
  double d = x - 1, y = log64(1 + (d + __builtin_sqrt(d * (x + 1))));
  return x < 1 ? kNan : y;
}
inline double atanh_of(double x) {
  double z = x * x;
  double near = x * (1 + z * (1. / 3 + z * (1. / 5 + z * (1. / 7))));
  return magnitude(x) < 0.0625 ? near : 0.5 * log64((1 + x) / (1 - x));
}
/* exp(-a^2) times a polynomial in (a - 2) / (a + 2), whose range is scaled to [-1, 1]. */
inline double erfc_of(double x) {
  static const double c[] = {
      -3.598354964973466e-08,  -9.69101249781425e-07,  -8.560992983079919e-07,
      8.530479570918475e-06,   2.0917516155028444e-05, -3.930092600764973e-05,
      -0.00025448765095239324, 8.649714612945428e-05,  0.0029742696732175853,
      -0.0010715503839641314,  -0.04645865220078871,   0.19627171256801818,
      -0.4287558435017548,     0.33227039191529084};
  double a = magnitude(x);
  a = a > 10.2 ? 10.2 : a;
  constexpr double first = -1, last = 8.2 / 12.2;
  double t = ((a - 2) / (a + 2) - (first + last) / 2) / ((last - first) / 2);
  double y = m::exp(-a * a) * horner(c, t);
  y = x < 0 ? 2 - y : y;
  return x == x ? y : x;
}
/* x times a polynomial in w = -log(1 - x^2), or in its root: float32 is enough for all of it. */
inline float erfinv_of(float x) {
  static const float near[] = {3.167818e-06f,   4.1677654e-06f,  -4.205082e-05f,  2.5111961e-05f,
                               2.9278555e-04f,  -8.3642893e-04f, -4.8816041e-04f, 8.5259203e-03f,
                               -1.9573514e-02f, -2.6108278e-02f, 6.1660069e-01f,  1.5014093e+00f};
  static const float far[] = {-1.6749828e-05f, 6.3468724e-05f,  -3.7768736e-05f, -2.3437516e-04f,
                              8.0777018e-04f,  -1.5924471e-03f, 2.5022430e-03f,  -3.8161751e-03f,
                              5.5585967e-03f,  9.4771097e-01f,  3.0131301e+00f};
  constexpr float from = 2.23606798f, to = 4.12310563f;
  float w = -m::log_finite((1 - x) * (1 + x));
  float s = (__builtin_sqrtf(w) - (from + to) / 2) * (2 / (to - from));
  float p = w < 5 ? horner(near, w * 0.4f - 1) : horner(far, s);
  float y = x * p;
  y = magnitude(x) == 1 ? x * m::kInf : y;
  return magnitude(x) <= 1 ? y : __builtin_nanf("");
}
void u_erfinv(void* out, const void* const* in, int64_t n) {
  float* y = static_cast<float*>(out);
  const float* p = static_cast<const float*>(in[0]);
  VOB_EACH y[i] = erfinv_of(p[i]);
}

void u_tan(void* out, const void* const* in, int64_t n) {
  const void* both[] = {in[0], in[0]};
  repaired(
      out, both, n, [](float x, float) { return m::tan(x); },
      [](float x, float) { return int(!(__builtin_fabsf(x) < 1e6f)); },
      [](float x, float) { return __builtin_tanf(x); });
}

VOB_ONE(asin)
VOB_ONE(acos)
VOB_ONE(atan)
VOB_ONE(sinh)
VOB_ONE(cosh)
VOB_ONE(asinh)
VOB_ONE(acosh)
VOB_ONE(atanh)
VOB_ONE(erfc)

}  // namespace

void fill_smooth(Simd& s) {
  // clang-format off
#define SET(name) s.unary[kF32][k_##name] = u_##name;
  SET(tan) SET(asin) SET(acos) SET(atan) SET(sinh) SET(cosh) SET(asinh) SET(acosh) SET(atanh)
  SET(erfc) SET(erfinv)
#undef SET
      // clang-format on
      fill_special(s);
  fill_pairs(s);
}

}  // namespace VOB_ISA
}  // namespace vob

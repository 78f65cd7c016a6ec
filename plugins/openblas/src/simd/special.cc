// Gamma's logarithm and its slope, and Bessel functions, of float32.
#include "smooth.h"

namespace vob {
namespace VOB_ISA {
namespace {

inline double sin_pi(double x) {  // |x - nearest integer| <= 1/2, with the sign of that half turn
  static const double c[] = {0.0004471772276985267, -0.007363768267219306, 0.08214472751453777,
                             -0.5992644251471312,   2.550164035384848,     -5.16771277997657,
                             3.141592653589596};
  double r = x - __builtin_rint(x);
  return r * horner(c, r * r);
}
/* Stirling's series for z = x + 8, and a product to come back to x. (Abramowitz 6.1.41) */
inline double lgamma_positive(double x) {
  double p = x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6) * (x + 7);
  const bool large = x > 1e8;
  double z = large ? x : x + 8, v = 1 / z, v2 = v * v;
  double tail =
      v * (1. / 12 - v2 * (1. / 360 - v2 * (1. / 1260 - v2 * (1. / 1680 - v2 * (1. / 1188)))));
  double y = (z - 0.5) * log64(z) - z + 0.918938533204672742 + tail;
  y = large ? y : y - log64(p);
  y = x == 1 || x == 2 ? 0 : y;
  return x < kEndless ? y : x;
}
inline double lgamma_of(double x) {
  const bool negative = x < 0.5;
  double y = lgamma_positive(negative ? 1 - x : x);
  double mirrored = log64(kPi / magnitude(sin_pi(x))) - y;  // of gamma(x) gamma(1 - x)
  y = negative ? mirrored : y;
  return magnitude(x) == kEndless ? kEndless : y;
}
/* The logarithmic derivative of the same. (Abramowitz 6.3.5, 6.3.18) */
inline double digamma_positive(double x) {
  double up = 1, down = x;  // up / down = sum of 1 / (x + k)
#pragma GCC unroll 8
  for (int k = 1; k < 8; ++k) {
    up = up * (x + k) + down;
    down *= x + k;
  }
  const bool large = x > 1e8;
  double z = large ? x : x + 8, v = 1 / z, v2 = v * v;
  double tail = v2 * (1. / 12 - v2 * (1. / 120 - v2 * (1. / 252 - v2 * (1. / 240))));
  double y = log64(z) - 0.5 * v - tail;
  return large ? y : y - up / down;
}
inline double digamma_of(double x) {
  const bool negative = x < 0;
  double y = digamma_positive(negative ? 1 - x : x);
  double r = x - __builtin_rint(x);
  double cosine = sin_pi(0.5 - magnitude(r)), sine = sin_pi(r);
  y = negative ? y - kPi * (cosine / sine) : y;
  y = negative && r == 0 ? kNan : y;
  y = x == 0 ? with_sign(kEndless, -x) : y;
  return x == -kEndless ? kNan : y;
}

inline double i0_of(double x) {
  static const double near[] = {
      8.284575345678463e-28,  1.4368065837607807e-25, 1.6525628505056948e-22, 7.115022365573888e-20,
      2.9036192141110456e-17, 9.383603147531137e-15,  2.402863283093064e-12,  4.709494124640963e-10,
      6.781684888003043e-08,  6.781683976479761e-06,  0.00043402777794646763, 0.015624999999715021,
      0.2500000000002076,     0.9999999999999432};
  static const double far[] = {1.0893596964272681e-07, 3.6216189786119397e-07,
                               1.4756357317028417e-06, 1.1112766406140618e-05,
                               0.00013621740025747132, 0.0033605555271025633,
                               0.4021765094268331};
  double a = magnitude(x);
  double y = m::exp(a) / __builtin_sqrt(a) * horner(far, 16 / a - 1);
  y = a <= 8 ? horner(near, x * x) : y;
  return a == kEndless ? kEndless : y;
}
inline double i1_of(double x) {
  static const double near[] = {
      2.970494459282741e-29,  5.687561388823005e-27, 6.824971835351812e-24,  3.2430989541132574e-21,
      1.4510728338618073e-18, 5.213483662803116e-16, 1.5017776386400595e-13, 3.363926822091969e-11,
      5.6514037604247175e-09, 6.781683999979945e-07, 5.425347223395168e-05,  0.0026041666666372443,
      0.06250000000003908,    0.49999999999999467};
  static const double far[] = {-1.2374094976842754e-07, -4.204922477317995e-07,
                               -1.8240876530357815e-06, -1.5004632351412887e-05,
                               -0.000219237778396956,   -0.009749581134502026,
                               0.3893984590239483};
  double a = magnitude(x);
  double y = with_sign(m::exp(a) / __builtin_sqrt(a) * horner(far, 16 / a - 1), x);
  y = a <= 8 ? x * horner(near, x * x) : y;
  return a == kEndless ? x : y;
}

VOB_ONE(lgamma)
VOB_ONE(digamma)
VOB_ONE(i0)
VOB_ONE(i1)

}  // namespace

void fill_special(Simd& s) {
  // clang-format off
#define SET(name) s.unary[kF32][k_##name] = u_##name;
  SET(lgamma) SET(digamma) SET(i0) SET(i1)
#undef SET
  // clang-format on
}

}  // namespace VOB_ISA
}  // namespace vob

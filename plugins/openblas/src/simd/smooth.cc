// Element-wise functions of float32 whose formulas cancel: worked out in float64, where short
// polynomials (minimax fits of our own, below 2e-9) leave only the last rounding to float32.
#include "parts.h"

#include "math.h"

namespace vob {
namespace VOB_ISA {
namespace {

#define VOB_EACH _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i)

constexpr double kPi = 3.14159265358979323846, kNan = __builtin_nan(""), kEndless = __builtin_inf();

/* c[0] z^(N-1) + ... + c[N-1]. */
template <int N>
inline double horner(const double (&c)[N], double z) {
  double p = c[0];
#pragma GCC unroll 20
  for (int k = 1; k < N; ++k) p = p * z + c[k];
  return p;
}
inline double magnitude(double x) { return __builtin_fabs(x); }
inline double with_sign(double y, double x) { return __builtin_copysign(y, x); }

/* log of a normal number above 0; infinity and NaN stay, 0 gives -inf and less gives NaN. */
inline double log64(double x) {
  int64_t u = bits<int64_t>(x) - 0x3fe6a09e667f3bcd;  // from sqrt(1/2)
  // the exponent as a double, put behind 2^52
  double e = bits<double>((((u >> 52) & 0xfff) ^ 0x800) | 0x4330000000000000) - 4503599627372544.0;
  double m = bits<double>((u & 0xfffffffffffff) + 0x3fe6a09e667f3bcd);
  double s = (m - 1) / (m + 1), z = s * s;
  static const double c[] = {1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3, 1.};
  double y = e * 0.693147180559945309 + 2 * s * horner(c, z);
  y = x < kEndless ? y : x;
  y = x == 0 ? -kEndless : y;
  return x < 0 ? kNan : y;
}

inline double atan_near(double r) {  // |r| <= tan(pi / 8)
  static const double c[] = {0.04714047079662563,  -0.08459659877520741, 0.11041162499239075,
                             -0.14281649084329653, 0.1999988630156772,   -0.3333333213392565,
                             0.9999999999792758};
  return r * horner(c, r * r);
}
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
inline double atan2_of(double y, double x) {
  double a = angle(magnitude(y), magnitude(x));
  a = bits<int64_t>(x) < 0 ? kPi - a : a;
  double r = with_sign(a, y);
  return (x == x) & (y == y) ? r : kNan;
}
/* asin for 0 <= a <= 1/2, and by the half angle above. */
inline double asin_of(double x) {
  static const double c[] = {0.03317287128656712,  0.001701835568482763, 0.020767530537947162,
                             0.021837651991021622, 0.030430220777832105, 0.044640432207850876,
                             0.07500006065463218,  0.16666666608460845,  1.0000000000009182};
  double a = magnitude(x);
  const bool far = a > 0.5;
  double z = far ? (1 - a) * 0.5 : a * a;
  double r = far ? __builtin_sqrt(z) : a;
  double p = r * horner(c, z);
  return with_sign(far ? kPi / 2 - 2 * p : p, x);
}
inline double acos_of(double x) { return kPi / 2 - asin_of(x); }
/* acos loses nothing near 1 either: 2 asin(sqrt((1 - x) / 2)). */
inline double acos_near(double x) {
  double half = 2 * asin_of(__builtin_sqrt((1 - x) * 0.5));
  return x > 0.5 ? half : acos_of(x);
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
/* x times a polynomial in w = -log(1 - x^2), or in its root. */
inline double erfinv_of(double x) {
  static const double near[] = {
      3.167817973122536e-06,   4.167765441522886e-06,  -4.2050819309253714e-05,
      2.511196016750503e-05,   0.00029278555066947795, -0.0008364289404199629,
      -0.00048816040604116864, 0.008525920274801894,   -0.019573513632242166,
      -0.026108278985942635,   0.6166006893276932,     1.5014093518159963};
  static const double far[] = {
      -1.674982848887933e-05,  6.346872375423093e-05, -3.776873584060346e-05,
      -0.00023437516003602078, 0.0008077701783692792, -0.0015924470984036568,
      0.002502242953144704,    -0.003816175148113149, 0.005558596749185182,
      0.947710972019062,       3.0131301096578205};
  constexpr double middle = 2.5, half = 2.5, from = 2.23606797749979, to = 4.123105625617661;
  double w = -log64((1 - x) * (1 + x));
  double s = (__builtin_sqrt(w) - (from + to) / 2) / ((to - from) / 2);
  double p = w < 5 ? horner(near, (w - middle) / half) : horner(far, s);
  double y = x * p;
  y = magnitude(x) == 1 ? x * kEndless : y;
  return magnitude(x) <= 1 ? y : kNan;
}

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

inline double hypot_of(double a, double b) {
  double y = __builtin_sqrt(a * a + b * b);
  return magnitude(a) == kEndless || magnitude(b) == kEndless ? kEndless : y;
}
inline double logaddexp_of(double a, double b) {
  double high = a > b ? a : b, low = a > b ? b : a;
  double t = m::exp(low - high);
  double y = high + (t < 1e-6 ? t : log64(1 + t));
  y = a == b ? a + 0.69314718055994531 : y;
  y = high == kEndless ? high : y;
  return a == a && b == b ? y : kNan;
}

#define ONE(name)                                              \
  void u_##name(void* out, const void* const* in, int64_t n) { \
    float* y = static_cast<float*>(out);                       \
    const float* p = static_cast<const float*>(in[0]);         \
    VOB_EACH y[i] = float(name##_of(double(p[i])));            \
  }
#define TWO(name)                                                 \
  void b_##name(void* out, const void* const* in, int64_t n) {    \
    float* y = static_cast<float*>(out);                          \
    const float* p = static_cast<const float*>(in[0]);            \
    const float* q = static_cast<const float*>(in[1]);            \
    VOB_EACH y[i] = float(name##_of(double(p[i]), double(q[i]))); \
  }

ONE(asin)
ONE(atan)
ONE(sinh)
ONE(cosh)
ONE(asinh)
ONE(acosh)
ONE(atanh)
ONE(erfc)
ONE(erfinv)
ONE(lgamma)
ONE(digamma)
ONE(i0)
ONE(i1)
TWO(atan2)
TWO(hypot)
TWO(logaddexp)

void u_acos(void* out, const void* const* in, int64_t n) {
  float* y = static_cast<float*>(out);
  const float* p = static_cast<const float*>(in[0]);
  VOB_EACH y[i] = float(acos_near(double(p[i])));
}

/* Blocks of a vector loop; where an element needs libm (`rare`), it is done again. */
template <class Fast, class Rare, class Slow>
inline void repaired(void* out, const void* const* in, int64_t n, Fast fast, Rare rare, Slow slow) {
  float* y = static_cast<float*>(out);
  const float *p = static_cast<const float*>(in[0]), *q = static_cast<const float*>(in[1]);
  constexpr int64_t kBlock = 512;
  float a[kBlock], b[kBlock];  // out may be an input
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t count = n - at < kBlock ? n - at : kBlock;
    int any = 0;
    for (int64_t i = 0; i < count; ++i) {
      a[i] = p[at + i], b[i] = q[at + i];
      any |= rare(a[i], b[i]);
    }
    for (int64_t i = 0; i < count; ++i) y[at + i] = fast(a[i], b[i]);
    if (!any) continue;
    for (int64_t i = 0; i < count; ++i)
      if (rare(a[i], b[i])) y[at + i] = slow(a[i], b[i]);
  }
}

void u_tan(void* out, const void* const* in, int64_t n) {
  const void* both[] = {in[0], in[0]};
  repaired(
      out, both, n, [](float x, float) { return m::tan(x); },
      [](float x, float) { return int(!(__builtin_fabsf(x) < 1e6f)); },
      [](float x, float) { return __builtin_tanf(x); });
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

}  // namespace

void fill_smooth(Simd& s) {
  // clang-format off
#define SET(name) s.unary[kF32][k_##name] = u_##name;
  SET(tan) SET(asin) SET(acos) SET(atan) SET(sinh) SET(cosh) SET(asinh) SET(acosh) SET(atanh)
  SET(erfc) SET(erfinv) SET(lgamma) SET(digamma) SET(i0) SET(i1)
#undef SET
#define SET(name) s.binary[kF32][k_##name] = b_##name;
  SET(atan2) SET(fmod) SET(remainder) SET(pow) SET(hypot) SET(logaddexp)
#undef SET
  // clang-format on
}

}  // namespace VOB_ISA
}  // namespace vob

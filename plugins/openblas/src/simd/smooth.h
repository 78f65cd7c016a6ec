// What the smooth functions share: they are worked out in float64, where short polynomials (minimax
// fits of our own, below 2e-9) leave only the last rounding to float32.
#ifndef VIDYA_OPENBLAS_SIMD_SMOOTH_H
#define VIDYA_OPENBLAS_SIMD_SMOOTH_H

#include "math.h"
#include "parts.h"

namespace vob {
namespace VOB_ISA {

#define VOB_EACH _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i)

constexpr double kPi = 3.14159265358979323846, kNan = __builtin_nan(""), kEndless = __builtin_inf();

/* c[0] z^(N-1) + ... + c[N-1]. */
template <class T, int N>
inline T horner(const T (&c)[N], T z) {
  T p = c[0];
#pragma GCC unroll 20
  for (int k = 1; k < N; ++k) p = p * z + c[k];
  return p;
}
inline double magnitude(double x) { return __builtin_fabs(x); }
inline float magnitude(float x) { return __builtin_fabsf(x); }
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

/* atan for |r| <= tan(pi / 8). */
inline double atan_near(double r) {
  static const double c[] = {0.04714047079662563,  -0.08459659877520741, 0.11041162499239075,
                             -0.14281649084329653, 0.1999988630156772,   -0.3333333213392565,
                             0.9999999999792758};
  return r * horner(c, r * r);
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

/* A loop over name_of, which takes and gives a double. */
#define VOB_ONE(name)                                          \
  void u_##name(void* out, const void* const* in, int64_t n) { \
    float* y = static_cast<float*>(out);                       \
    const float* p = static_cast<const float*>(in[0]);         \
    VOB_EACH y[i] = float(name##_of(double(p[i])));            \
  }
#define VOB_TWO(name)                                             \
  void b_##name(void* out, const void* const* in, int64_t n) {    \
    float* y = static_cast<float*>(out);                          \
    const float* p = static_cast<const float*>(in[0]);            \
    const float* q = static_cast<const float*>(in[1]);            \
    VOB_EACH y[i] = float(name##_of(double(p[i]), double(q[i]))); \
  }

}  // namespace VOB_ISA
}  // namespace vob

#endif

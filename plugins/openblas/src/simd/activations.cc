// Activations and their kin in one pass each: made of single instructions they would go through
// the first cache once per instruction.  Constants come as operands too.
#include "math.h"
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

#define LOOP(name, expression)                                 \
  template <class T>                                           \
  void e_##name(void* out, const void* const* in, int64_t n) { \
    T* y = static_cast<T*>(out);                               \
    const T* p = static_cast<const T*>(in[0]);                 \
    const T* q = static_cast<const T*>(in[1]);                 \
    const T* r = static_cast<const T*>(in[2]);                 \
    (void)q, (void)r;                                          \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i) {     \
      const T a = p[i], b = q[i], c = r[i];                    \
      (void)b, (void)c;                                        \
      y[i] = expression;                                       \
    }                                                          \
  }

inline float trunc_of(float x) { return __builtin_truncf(x); }
inline double trunc_of(double x) { return __builtin_trunc(x); }

/* NaN in any operand is the result, as with maximum and minimum. */
template <class T>
inline T clamp(T x, T low, T high) {
  T y = x < low ? low : x;
  y = low != low ? low : y;
  y = y > high ? high : y;
  return high != high ? high : y;
}
template <class T>
inline T hardswish_slope(T x) {
  T between = x * T(1. / 3) + T(0.5);
  T y = x < T(3) ? between : T(1);
  return x <= T(-3) ? T(0) : y;
}
/* From the nearer end, so that weights of 0 and 1 give the ends themselves. */
template <class T>
inline T lerp(T a, T b, T w) {
  const T away = b - a;
  const bool near = (w < T(0.5)) & (w > T(-0.5));
  return near ? a + w * away : b - away * (T(1) - w);
}

template <class T>
inline T magnitude(T x) {
  return x < T(0) ? -x : x;
}
template <class T>
inline T softplus(T x) {
  T y = (x > T(0) ? x : T(0)) + m::log1p_unit(m::exp(-magnitude(x)));
  const bool same = (x > T(20)) | (x != x);
  return same ? x : y;
}
template <class T>
inline T softplus_slope(T x) {
  T y = T(1) / (T(1) + m::exp(-x));
  return x > T(20) ? T(1) : y;
}

LOOP(frac, a - trunc_of(a))
LOOP(clamp, clamp(a, b, c))
LOOP(lerp, lerp(a, b, c))
LOOP(leaky_relu, a > T(0) ? a : a * b)
LOOP(leaky_relu_backward, b > T(0) ? a : a * c)
LOOP(hardswish, a* clamp(a + T(3), T(0), T(6)) * T(1. / 6))
LOOP(hardswish_backward, a* hardswish_slope(b))
LOOP(softplus, softplus(a))
LOOP(softplus_backward, a* softplus_slope(b))

}  // namespace

void fill_activations(Simd& s) {
#define SET(name) \
  s.ewise[kF32][k_e_##name] = e_##name<float>, s.ewise[kF64][k_e_##name] = e_##name<double>;
  VOB_ACTIVATION_OPS(SET)
#undef SET
}

}  // namespace VOB_ISA
}  // namespace vob

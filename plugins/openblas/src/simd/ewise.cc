// What element-wise programs need beyond the loops of the single ops.  Truth is 0 or 1 here, in
// the type of the program.
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

#define VOB_EACH _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i)

#define LOOP(name, expression)                                 \
  template <class T>                                           \
  void e_##name(void* out, const void* const* in, int64_t n) { \
    T* y = static_cast<T*>(out);                               \
    const T* p = static_cast<const T*>(in[0]);                 \
    const T* q = static_cast<const T*>(in[1]);                 \
    const T* r = static_cast<const T*>(in[2]);                 \
    (void)q, (void)r;                                          \
    VOB_EACH y[i] = expression;                                \
  }

LOOP(eq, p[i] == q[i] ? T(1) : T(0))
LOOP(ne, p[i] != q[i] ? T(1) : T(0))
LOOP(lt, p[i] < q[i] ? T(1) : T(0))
LOOP(le, p[i] <= q[i] ? T(1) : T(0))
LOOP(gt, p[i] > q[i] ? T(1) : T(0))
LOOP(ge, p[i] >= q[i] ? T(1) : T(0))
LOOP(and, p[i] != T(0) && q[i] != T(0) ? T(1) : T(0))
LOOP(or, p[i] != T(0) || q[i] != T(0) ? T(1) : T(0))
LOOP(not, p[i] == T(0) ? T(1) : T(0))
LOOP(fma, p[i] * q[i] + r[i])
LOOP(fms, p[i] * q[i] - r[i])
LOOP(fnma, r[i] - p[i] * q[i])

/* Both sides are read before the choice, or the compiler makes a masked load of each. */
template <class T>
void e_where(void* out, const void* const* in, int64_t n) {
  T* y = static_cast<T*>(out);
  const T* c = static_cast<const T*>(in[0]);
  const T *p = static_cast<const T*>(in[1]), *q = static_cast<const T*>(in[2]);
  VOB_EACH {
    T a = p[i], b = q[i];
    y[i] = c[i] != T(0) ? a : b;
  }
}

inline float to_bf16(float x) {
  uint32_t u = bits<uint32_t>(x);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) & 0xffff0000u;
  uint32_t nan = (u & 0xffff0000u) | 0x400000u;
  return bits<float>((u & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}
/* By the adder: a number with as many bits below the unit of x's last float16 bit as float32 has
 * beyond it; subnormals have a fixed unit. */
inline float to_f16(float x) {
  uint32_t u = bits<uint32_t>(x), sign = u & 0x80000000u;
  float a = bits<float>(u & 0x7fffffffu);
  uint32_t unit = (u & 0x7f800000u) < 0x38800000u ? 0x38800000u : u & 0x7f800000u;
  float big = bits<float>(unit + 0x06800000u);  // 2^13 times the unit
  float y = (a + big) - big;
  y = a >= 65520.f ? __builtin_inff() : y;
  y = a != a ? a : y;
  return bits<float>(bits<uint32_t>(y) | sign);
}
LOOP(round_bf16, T(to_bf16(float(p[i]))))
LOOP(round_f16, T(to_f16(float(p[i]))))

}  // namespace

void fill_ewise(Simd& s) {
#define SET(name) \
  s.ewise[kF32][k_e_##name] = e_##name<float>, s.ewise[kF64][k_e_##name] = e_##name<double>;
  VOB_PROGRAM_OPS(SET)
#undef SET
}

}  // namespace VOB_ISA
}  // namespace vob

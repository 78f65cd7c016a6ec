// SwiGLU and its gradient in one pass, in float32 whatever the type in memory.
#include "math.h"
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

inline float wide(float x) { return x; }
inline float wide(uint16_t x) { return bits<float>(uint32_t(x) << 16); }
inline void put(float* to, float x) { *to = x; }
inline void put(uint16_t* to, float x) {
  uint32_t u = bits<uint32_t>(x);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
  uint32_t nan = (u >> 16) | 0x40;
  *to = uint16_t((u & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}
/* From exp of a negative number only, so that small results fade out instead of dropping to 0; in
 * bfloat16 they may do so at 2^-124. */
template <class E>
inline float sigmoid(float x) {
  const float a = -__builtin_fabsf(x);
  const float t = sizeof(E) == 4 ? m::exp(a) : m::exp_nonpositive(a);
  return (x < 0.f ? t : 1.f) / (1.f + t);
}

template <class E>
void swiglu(E* y, const E* gate, const E* up, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    float x = wide(gate[i]);
    put(y + i, x * sigmoid<E>(x) * wide(up[i]));
  }
}

/* s = sigmoid(gate): dup = g gate s, dgate = g up (s + gate s (1 - s)). */
template <class E>
void swiglu_backward(E* dgate, E* dup, const E* g, const E* gate, const E* up, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    float x = wide(gate[i]), d = wide(g[i]), u = wide(up[i]);
    float s = sigmoid<E>(x), xs = x * s;
    put(dup + i, d * xs);
    put(dgate + i, d * u * (s + xs - xs * s));
  }
}

}  // namespace

void fill_gated(Simd& s) {
  s.swiglu32 = swiglu<float>, s.swiglu_bf16 = swiglu<uint16_t>;
  s.swiglu_backward32 = swiglu_backward<float>;
  s.swiglu_backward_bf16 = swiglu_backward<uint16_t>;
}

}  // namespace VOB_ISA
}  // namespace vob
